import type { TrafficExtensionSpec } from '@weft/mesh-api';

/** A module or script that filters of proxies run. Proxies ask for it by its name, so that a change of it changes no listener. */
export interface ProxyExtension {
  /** `extensions.istio.io/<kind>/<namespace>.<name>`, also that of the filter. */
  readonly name: string;
  readonly namespace: string;
  readonly generation: number;
  readonly code:
    | { readonly kind: 'lua'; readonly script: string }
    | { readonly kind: 'wasm'; readonly layer: 'http' | 'network'; readonly module: WasmModule };
}

/** What a WasmPlugin and the Wasm half of a TrafficExtension say of a module. */
export type WasmModule = NonNullable<TrafficExtensionSpec['wasm']>;

/** Names of such filters begin so, whatever their owners call them. */
export const EXTENSION_PREFIX = 'extensions.istio.io/';
