import type { MeshModel } from '@weft/mesh-model';
import type { XdsClientState, XdsServer } from '@weft/xds-grpc';
import { ADDRESS_TYPE_URL, AUTHORIZATION_TYPE_URL, type DeltaServer } from '@weft/xds';
import { Authorization } from '@weft/xds/gen/mesh/security/authorization.js';
import { Service, Workload } from '@weft/xds/gen/mesh/workload/workload.js';
import type { ProxylessEngines } from '../envoy/proxyless-engines.js';
import type { WaypointEngines } from '../envoy/waypoint-engines.js';
import type { NackLog } from '../serving/nack-log.js';
import { explainPolicies } from './explain-policies.js';
import { shortType } from '../control-plane-metrics.js';

/** A debug page: what it gives for its query, or what is wrong with the query. */
export interface DebugPage {
  readonly path: string;
  readonly help: string;
  readonly answer: (query: Readonly<Record<string, string | undefined>>) => unknown;
}

export interface DebugSources {
  readonly model: MeshModel;
  readonly engine: DeltaServer;
  readonly waypoints: WaypointEngines;
  readonly proxyless: ProxylessEngines;
  readonly xds: XdsServer;
  /** Without secrets. */
  readonly config: unknown;
  readonly nacks: NackLog;
}

export function debugPages({
  model,
  engine,
  waypoints,
  proxyless,
  xds,
  config,
  nacks,
}: DebugSources): readonly DebugPage[] {
  const only = <T>(items: Iterable<T>, namespaceOf: (item: T) => string, namespace: string | undefined): T[] =>
    [...items].filter((item) => namespace === undefined || namespaceOf(item) === namespace);
  const pages: DebugPage[] = [
    {
      path: '/debug/connections',
      help: 'connected clients',
      answer: () => ({
        clients: xds.clients().map(({ node, caller, peer, connectedAt }) => ({ node, caller, peer, connectedAt })),
      }),
    },
    {
      path: '/debug/syncz',
      help: 'clients, what they were sent and what they acknowledged',
      answer: () => syncState(engine, xds),
    },
    {
      path: '/debug/proxy-status',
      help: 'of each client and type: synced, unanswered, waiting or rejected, with the reason (?namespace= of the proxy)',
      answer: ({ namespace }) =>
        xds
          .clients()
          .map(statusOf)
          .filter((one) => namespace === undefined || one.namespace === namespace),
    },
    { path: '/debug/nackz', help: 'the last rejections by clients', answer: () => ({ nacks: nacks.all() }) },
    {
      path: '/debug/workloads',
      help: 'workloads (?namespace=)',
      answer: ({ namespace }) =>
        only(model.workloads.values(), (workload) => workload.namespace, namespace).map((workload) =>
          Workload.toJSON(workload),
        ),
    },
    {
      path: '/debug/services',
      help: 'services (?namespace=)',
      answer: ({ namespace }) =>
        only(model.services.values(), ({ message }) => message.namespace, namespace).map(
          ({ message, claim, lost }) => ({
            ...(Service.toJSON(message) as object),
            source: claim.key,
            lost,
          }),
        ),
    },
    {
      path: '/debug/authorizationz',
      help: 'policies as ztunnel gets them (?namespace=)',
      answer: ({ namespace }) =>
        only(model.authorizations.values(), (policy) => policy.namespace, namespace).map((policy) =>
          Authorization.toJSON(policy),
        ),
    },
    { path: '/debug/statusz', help: 'what is said of each mesh resource', answer: () => [...model.statuses.values()] },
    {
      path: '/debug/policy',
      help: 'policies in force for a workload (?workload=namespace/pod)',
      answer: ({ workload }) => explainPolicies(model, workload),
    },
    {
      path: '/debug/config_dump',
      help: 'what the Envoys of a waypoint are told (?waypoint=namespace/gateway), or gRPC clients (?proxyless=namespace)',
      answer: ({ waypoint, proxyless: namespace }) =>
        (namespace === undefined ? waypoints.dump(waypoint ?? '') : proxyless.dump(namespace)) ?? {
          waypoints: waypoints.keys(),
          proxyless: proxyless.keys(),
        },
    },
    { path: '/config_dump', help: 'configuration of this process', answer: () => config },
  ];
  const index = { path: '/debug', help: 'this list', answer: () => pages.map(({ path, help }) => ({ path, help })) };
  return [...pages, index];
}

/** A client as people ask for it; `type~ip~pod.namespace~domain` says who it is. */
function statusOf({ node, protocol, slow, watches }: XdsClientState) {
  const [, type = '', pod = '', namespace = ''] = /^([^~]*)~[^~]*~([^~]*)\.([^.~]*)~/.exec(node) ?? [];
  return {
    ...{ pod, namespace, type, protocol, slow },
    sync: Object.fromEntries(watches.map(({ typeUrl, sync }) => [shortType(typeUrl), sync])),
    rejected: watches.flatMap(({ typeUrl, lastNack }) =>
      lastNack === null ? [] : [{ type: shortType(typeUrl), reason: lastNack }],
    ),
  };
}

function syncState(engine: DeltaServer, xds: XdsServer): unknown {
  const versions = Object.fromEntries(
    [AUTHORIZATION_TYPE_URL, ADDRESS_TYPE_URL].map((typeUrl) => {
      const store = engine.store(typeUrl);
      return [typeUrl, { version: String(store.sequence), resources: store.size }];
    }),
  );
  return { versions, clients: xds.clients() };
}
