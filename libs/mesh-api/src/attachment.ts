import type { FieldReader } from './field-reader.js';
import type { PolicyTargetReference } from './policy-target.js';
import { list, map } from './schema/collection-fields.js';
import { refined, required, vital, type Field } from './schema/field.js';
import { API_KIND } from './schema/format.js';
import { object } from './schema/object-field.js';
import { text } from './schema/scalar-fields.js';

const labels = map('Label values, all of which must be equal; no wildcards.', text(''), {
  maxProperties: 4096,
  key: (key, reader) => {
    if (key === '') reader.error('has an empty label key', 'name the label');
    else if (key.includes('*')) reader.error(`has a wildcard in ${key}`, 'selectors match whole keys; list the labels');
    else return true;
    return false;
  },
});

const withoutWildcards = refined(labels, (value, reader) => {
  const wild = Object.keys(value).find((key) => value[key]!.includes('*'));
  if (wild === undefined) return value;
  reader.error(`has a wildcard in ${wild}`, 'selectors match whole values; list the labels');
  return undefined;
});

function warnIfEmpty(selected: Readonly<Record<string, string>>, reader: FieldReader): void {
  if (Object.keys(selected).length > 0) return;
  reader.warn(
    'selects by no label',
    'remove it, or name the labels of the workloads; as written it selects everything in its scope',
  );
}

/** What cannot be read in a selector takes the resource along: with less of it the resource would apply to more. */
export const matchLabelsSelector = (description: string) =>
  vital(
    object(
      description,
      { matchLabels: vital(withoutWildcards) },
      {
        whole: true,
        refine: (selector, _at, self) => {
          warnIfEmpty(selector.matchLabels, self);
          return selector;
        },
      },
    ),
  );

/** The same under the older name of its field. */
export const labelsSelector = (description: string) =>
  vital(
    object(
      description,
      { labels: vital(withoutWildcards) },
      {
        whole: true,
        refine: (selector, _at, self) => {
          warnIfEmpty(selector.labels, self);
          return selector;
        },
      },
    ),
  );

const TARGETS = new Set([
  '/Service',
  'networking.istio.io/ServiceEntry',
  'gateway.networking.k8s.io/Gateway',
  'gateway.networking.k8s.io/GatewayClass',
]);
const MAX_TARGETS = 16;

const target: Field<PolicyTargetReference> = refined(
  object(
    'The resource that this one is attached to, in the same namespace.',
    {
      group: { ...text('API group; empty for core.', { maxLength: 253 }), absent: '', given: true as const },
      kind: required(text('Kind of the target.', { format: API_KIND })),
      name: required(text('Name of the target.', { minLength: 1, maxLength: 253 })),
      namespace: text('Not supported: leave it out.'),
    },
    {
      whole: true,
      refine: ({ namespace, ...reference }, at) => {
        if (namespace === undefined || namespace === '') return reference;
        at.namespace.error('is set', 'remove it: a policy and its target are in one namespace');
        return undefined;
      },
    },
  ),
  (reference, reader) => {
    const { kind, name } = reference;
    const group = reference.group === 'core' ? '' : reference.group;
    if (TARGETS.has(`${group}/${kind}`)) return { group, kind, name };
    reader.error(
      `${group}/${kind} cannot be a target`,
      'use Service, ServiceEntry, Gateway or GatewayClass with its group',
    );
    return undefined;
  },
);

/** Where a policy applies: to workloads by label, or to gateways, waypoints and services by reference. */
export const attachmentFields = {
  selector: matchLabelsSelector('Selects workloads of the namespace; of the whole mesh in the root namespace.'),
  targetRef: vital(target),
  targetRefs: vital(list('What it is attached to.', target, { maxItems: MAX_TARGETS })),
} as const;

export const ATTACHMENT_GROUPS = [['selector', 'targetRef', 'targetRefs']] as const;
