import type { GroupVersionKind } from '../group-version-kind.js';
import type { Schema } from '../schema.js';
import { ACCESS_FIELDS } from './fields/access-fields.js';
import { COORDINATION_FIELDS } from './fields/coordination-fields.js';
import { CORE_FIELDS } from './fields/core-fields.js';
import { EXTENSION_FIELDS } from './fields/extension-fields.js';
import { META_FIELDS } from './fields/meta-fields.js';
import { NETWORK_FIELDS } from './fields/network-fields.js';
import { TRUST_BUNDLE_FIELDS } from './fields/trust-bundle-fields.js';
import { WORKLOADS_FIELDS } from './fields/workloads-fields.js';
import { parseFieldTables } from './parse-fields.js';

let parsed: ReadonlyMap<string, Schema> | undefined;

/** All built-in types by short name (`core.v1.PodSpec`, `meta.v1.ObjectMeta`). Read on first use. */
export function builtinTypes(): ReadonlyMap<string, Schema> {
  parsed ??= parseFieldTables([
    META_FIELDS,
    CORE_FIELDS,
    WORKLOADS_FIELDS,
    NETWORK_FIELDS,
    COORDINATION_FIELDS,
    ACCESS_FIELDS,
    EXTENSION_FIELDS,
    TRUST_BUNDLE_FIELDS,
  ]);
  return parsed;
}

/** Schema of a built-in kind; undefined when Kubernetes has no such kind (or it is not served here). */
export function builtinSchema(type: GroupVersionKind): Schema | undefined {
  const group = type.group === '' ? 'core' : type.group.split('.')[0]!;
  return builtinTypes().get(`${group}.${type.version}.${type.kind}`);
}

export function objectMetaSchema(): Schema {
  return builtinTypes().get('meta.v1.ObjectMeta')!;
}
