import { attachmentFields } from '../attachment.js';
import { meshKind } from '../mesh-kind.js';
import { required, vital, type TypeOf } from '../schema/field.js';
import { object } from '../schema/object-field.js';
import { choice, text } from '../schema/scalar-fields.js';
import { priority, trafficSelector, wasmFields } from './wasm.js';

const MAX_CODE = 65_536;

const spec = object(
  'An extension of proxies: a WebAssembly module or a Lua script.',
  {
    selector: attachmentFields.selector,
    targetRefs: attachmentFields.targetRefs,
    wasm: vital(object('A WebAssembly module.', wasmFields)),
    lua: vital(
      object('A Lua script.', { inlineCode: required(text('The script.', { minLength: 1, maxLength: MAX_CODE })) }),
    ),
    phase: choice('Where among the filters.', ['UNSPECIFIED', 'AUTHN', 'AUTHZ', 'STATS']),
    priority,
    match: trafficSelector,
  },
  {
    atMostOne: [['selector', 'targetRefs']],
    exactlyOne: ['wasm', 'lua'],
    exclusion: 'cel',
  },
);
export type TrafficExtensionSpec = TypeOf<typeof spec>;

export const TRAFFIC_EXTENSIONS = meshKind(
  { group: 'extensions.istio.io', kind: 'TrafficExtension', plural: 'trafficextensions', versions: ['v1alpha1'] },
  spec,
);
