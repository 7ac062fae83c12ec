import { attachmentFields, labelsSelector } from '../attachment.js';
import type { FieldReader } from '../field-reader.js';
import { meshKind } from '../mesh-kind.js';
import { list, textMap } from '../schema/collection-fields.js';
import { refined, vital, type TypeOf } from '../schema/field.js';
import { REGEX } from '../schema/format.js';
import { object, type ObjectOf } from '../schema/object-field.js';
import { anything, choice, integer, text } from '../schema/scalar-fields.js';
import { checkTypes, warnOldName } from './envoy-names.js';
import { portNumber } from './service-port.js';

const APPLY_TO = [
  'INVALID',
  'LISTENER',
  'FILTER_CHAIN',
  'NETWORK_FILTER',
  'HTTP_FILTER',
  'ROUTE_CONFIGURATION',
  'VIRTUAL_HOST',
  'HTTP_ROUTE',
  'CLUSTER',
  'EXTENSION_CONFIG',
  'BOOTSTRAP',
  'LISTENER_FILTER',
] as const;
const OPERATIONS = [
  'INVALID',
  'MERGE',
  'ADD',
  'REMOVE',
  'INSERT_BEFORE',
  'INSERT_AFTER',
  'INSERT_FIRST',
  'REPLACE',
  'MERGE_AND_REPLACE_LIST',
] as const;

const filter = object('A filter.', {
  name: text('Name.'),
  subFilter: object('A filter in it.', { name: text('Name.') }),
});

const listenerMatch = object('A listener.', {
  portNumber: portNumber('Its port.'),
  portName: text('Not used.'),
  filterChain: object('A filter chain.', {
    name: text('Name.'),
    sni: text('Name in the handshake.'),
    transportProtocol: text('raw_buffer or tls.'),
    applicationProtocols: text('ALPN values.'),
    filter,
    destinationPort: portNumber('Destination port.'),
  }),
  listenerFilter: text('A listener filter.'),
  name: text('Name.'),
});

const routeMatch = object('A route configuration.', {
  portNumber: portNumber('Port of its listener.'),
  portName: text('Port name, of a gateway.'),
  gateway: text('namespace/name of the gateway.'),
  vhost: object('A virtual host.', {
    name: text('Name.'),
    domainName: text('One of its domains.'),
    route: object('A route.', {
      name: text('Name.'),
      action: choice('What it does.', ['ANY', 'ROUTE', 'REDIRECT', 'DIRECT_RESPONSE']),
    }),
  }),
  name: text('Name.'),
});

const clusterMatch = object('A cluster.', {
  portNumber: portNumber('Port of the service.'),
  service: text('Host of the service.'),
  subset: text('Subset.'),
  name: text('Name.'),
});

const waypointMatch = object('In a waypoint.', {
  filter,
  route: object('A route.', { name: text('Name.') }),
  portNumber: portNumber('Port of the service.'),
});

const match = vital(
  object(
    'What is patched.',
    {
      context: choice('In which proxies.', ['ANY', 'SIDECAR_INBOUND', 'SIDECAR_OUTBOUND', 'GATEWAY', 'WAYPOINT']),
      proxy: object('Only in some proxies.', {
        proxyVersion: text('RE2 expression for the version.', { format: REGEX }),
        metadata: textMap('Node metadata.'),
      }),
      listener: listenerMatch,
      routeConfiguration: routeMatch,
      cluster: clusterMatch,
      waypoint: waypointMatch,
    },
    {
      whole: true,
      atMostOne: [['listener', 'routeConfiguration', 'cluster', 'waypoint']],
      rules: [
        {
          rule: 'has(self.context) ? ((self.context == "WAYPOINT") ? has(self.waypoint) : !has(self.waypoint)) : !has(self.waypoint)',
          message: 'only support waypointMatch when context is WAYPOINT',
        },
      ],
    },
  ),
);

const configPatch = object(
  'A patch.',
  {
    applyTo: choice('To what.', APPLY_TO),
    match,
    patch: object('The change.', {
      operation: choice('How.', OPERATIONS),
      value: anything('What, as Envoy has it.'),
      filterClass: choice('Where among the filters.', ['UNSPECIFIED', 'AUTHN', 'AUTHZ', 'STATS']),
    }),
  },
  { refine: checkPatch },
);
export type ConfigPatch = TypeOf<typeof configPatch>;

type PatchAt = Readonly<Record<'applyTo' | 'match' | 'patch', FieldReader>>;
type MatchKind = 'listener' | 'routeConfiguration' | 'cluster';

/** Which part of `match` an object can be found by. */
const MATCHED_BY: Readonly<Partial<Record<(typeof APPLY_TO)[number], readonly MatchKind[]>>> = {
  LISTENER: ['listener'],
  LISTENER_FILTER: ['listener'],
  FILTER_CHAIN: ['listener'],
  NETWORK_FILTER: ['listener'],
  HTTP_FILTER: ['listener'],
  ROUTE_CONFIGURATION: ['routeConfiguration'],
  VIRTUAL_HOST: ['routeConfiguration'],
  HTTP_ROUTE: ['routeConfiguration'],
  CLUSTER: ['cluster'],
};

function checkPatch<
  T extends {
    readonly applyTo?: (typeof APPLY_TO)[number];
    readonly patch?: { readonly operation?: string; readonly value?: unknown };
  },
>(value: T, at: PatchAt, self: FieldReader): T | undefined {
  const before = self.errorCount;
  const { applyTo = 'INVALID', patch } = value;
  if (applyTo === 'INVALID') at.applyTo.error('is missing', `set one of ${APPLY_TO.slice(1).join(', ')}`);
  if (!at.patch.present) at.patch.error('is missing', 'write the change');
  else if ((patch?.operation ?? 'INVALID') === 'INVALID')
    at.patch.field('operation').error('is missing', `set one of ${OPERATIONS.slice(1).join(', ')}`);
  if (patch !== undefined && patch.operation !== 'REMOVE' && patch.value === undefined)
    at.patch.field('value').error('is missing', 'write what is added or merged');
  for (const kind of ['listener', 'routeConfiguration', 'cluster'] as const)
    if (at.match.field(kind).present && MATCHED_BY[applyTo]?.includes(kind) === false)
      at.match.field(kind).error(`does not fit applyTo ${applyTo}`, `use ${MATCHED_BY[applyTo].join(' or ')}`);
  checkWaypointMatch(at.match);
  const found = at.match.field('listener').field('filterChain').field('filter');
  if (found.field('subFilter').present && found.field('name').text() !== HCM)
    found.field('subFilter').error(`is in a filter other than ${HCM}`, `set filter.name: ${HCM}`);
  const { name, typed_config: typed } = (patch?.value ?? {}) as { name?: unknown; typed_config?: unknown };
  if (applyTo.endsWith('_FILTER') && patch?.operation !== 'REMOVE' && name !== undefined && typed === undefined)
    at.patch
      .field('value')
      .warn('has no typed_config', 'write typed_config with its @type: Envoy no longer takes filters by name');
  for (const item of [
    found.field('name'),
    found.field('subFilter').field('name'),
    at.patch.field('value').field('name'),
  ])
    if (applyTo.endsWith('_FILTER')) warnOldName(item);
  checkTypes(at.patch.field('value'));
  return self.errorCount > before ? undefined : value;
}
const HCM = 'envoy.filters.network.http_connection_manager';

/** The CRD says so, too. */
function checkWaypointMatch(match: FieldReader): void {
  const inWaypoints = match.field('context').text() === 'WAYPOINT';
  const has = match.field('waypoint').present;
  if (has && !inWaypoints) match.field('waypoint').error('is set for another context', 'set context: WAYPOINT');
  if (!inWaypoints || has) return;
  const others = (['listener', 'routeConfiguration', 'cluster'] as const).filter((kind) => match.field(kind).present);
  for (const kind of others) match.field(kind).error('is set for context WAYPOINT', 'use waypoint, or another context');
  if (others.length === 0) match.error('has context WAYPOINT without waypoint', 'write waypoint: {} or more of it');
}

const fields = {
  workloadSelector: labelsSelector('Pods that it is for. Default all of the namespace.'),
  targetRefs: attachmentFields.targetRefs,
  configPatches: list('The patches, in order.', configPatch),
  priority: integer('Order among EnvoyFilters; the lowest goes first.', -2_147_483_648, 2_147_483_647),
} as const;

const spec = refined(
  object('Patches of what Envoy is given.', fields, {
    atMostOne: [['workloadSelector', 'targetRefs']],
    exclusion: 'cel',
  }),
  (value: ObjectOf<typeof fields>, reader: FieldReader) => {
    reader.warn('patches what the mesh makes, which may change', 'prefer another resource where there is one');
    return value;
  },
);

export const ENVOY_FILTERS = meshKind(
  { group: 'networking.istio.io', kind: 'EnvoyFilter', plural: 'envoyfilters', versions: ['v1alpha3'], columns: [] },
  spec,
);
