import type { FieldReader } from './field-reader.js';

/** What a policy is attached to, in place of a selector. */
export interface PolicyTargetReference {
  readonly group: string;
  readonly kind: string;
  readonly name: string;
}

const ALLOWED = new Set([
  '/Service',
  'networking.istio.io/ServiceEntry',
  'gateway.networking.k8s.io/Gateway',
  'gateway.networking.k8s.io/GatewayClass',
]);
const MAX_TARGETS = 16;

/** Reads `targetRef` and `targetRefs`. Every entry counts, also one that is in error: the policy is then not for ztunnel. */
export function readTargetReferences(single: FieldReader, many: FieldReader): readonly PolicyTargetReference[] {
  const readers = [...(single.present ? [single] : []), ...many.list()];
  if (single.present && many.present) single.error('is set beside targetRefs', 'keep targetRefs');
  if (readers.length > MAX_TARGETS)
    many.error(`has ${readers.length} entries`, `at most ${MAX_TARGETS}: make a second policy`);
  return readers.map(readOne);
}

function readOne(reader: FieldReader): PolicyTargetReference {
  const fields = reader.object(['group', 'kind', 'name', 'namespace']);
  const group = fields?.group.text() ?? '';
  const kind = fields?.kind.text() ?? '';
  const name = fields?.name.text() ?? '';
  const normalized = group === 'core' ? '' : group;
  if (name === '') reader.error('has no name', 'name the target');
  if (!ALLOWED.has(`${normalized}/${kind}`)) {
    reader.error(
      `${normalized}/${kind} cannot be a target`,
      'use Service, ServiceEntry, Gateway or GatewayClass with its group',
    );
  }
  if ((fields?.namespace.text() ?? '') !== '') {
    fields?.namespace.error('is set', 'remove it: a policy and its target are in one namespace');
  }
  return { group: normalized, kind, name };
}
