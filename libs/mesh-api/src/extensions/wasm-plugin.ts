import { ATTACHMENT_GROUPS, attachmentFields } from '../attachment.js';
import { meshKind } from '../mesh-kind.js';
import type { TypeOf } from '../schema/field.js';
import { object } from '../schema/object-field.js';
import { choice } from '../schema/scalar-fields.js';
import { priority, trafficSelector, wasmFields } from './wasm.js';

const spec = object(
  'A WebAssembly module in proxies.',
  {
    ...attachmentFields,
    ...wasmFields,
    phase: choice('Where among the filters.', ['UNSPECIFIED_PHASE', 'AUTHN', 'AUTHZ', 'STATS']),
    priority,
    match: trafficSelector,
  },
  { atMostOne: ATTACHMENT_GROUPS, exclusion: 'cel' },
);
export type WasmPluginSpec = TypeOf<typeof spec>;

export const WASM_PLUGINS = meshKind(
  { group: 'extensions.istio.io', kind: 'WasmPlugin', plural: 'wasmplugins', versions: ['v1alpha1'] },
  spec,
);
