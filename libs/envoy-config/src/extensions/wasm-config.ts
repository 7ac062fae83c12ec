import type { ProxyExtension, WasmModule } from '@weft/mesh-model';
import type { AsyncDataSource } from '@weft/xds/gen/envoy/config/core/v3/base.js';
import { Wasm as HttpWasm } from '@weft/xds/gen/envoy/extensions/filters/http/wasm/v3/wasm.js';
import { Wasm as NetworkWasm } from '@weft/xds/gen/envoy/extensions/filters/network/wasm/v3/wasm.js';
import { FailurePolicy, type PluginConfig } from '@weft/xds/gen/envoy/extensions/wasm/v3/wasm.js';
import { StringValue } from '@weft/xds/gen/google/protobuf/wrappers.js';
import { packAny, type PackedAny } from '../messages/any.js';
import type { Draft } from '../messages/draft.js';
import { duration } from '../messages/duration.js';

/**
 * What the agent of a proxy needs to fetch an image travels as variables of the module, under Istio's names. The agent takes them
 * out: neither Envoy nor the module sees them.
 */
export const PULL_SECRET = 'ISTIO_META_WASM_IMAGE_PULL_SECRET';
const PULL_POLICY = 'ISTIO_META_WASM_IMAGE_PULL_POLICY';
const GENERATION = 'ISTIO_META_WASM_PLUGIN_RESOURCE_VERSION';

/** Envoy knows no cluster of this name: it is the agent that fetches. */
const NO_CLUSTER = '_';
const FETCH_MS = 30_000;

type WasmExtension = Omit<ProxyExtension, 'code'> & {
  readonly code: Extract<ProxyExtension['code'], { kind: 'wasm' }>;
};

/** `pullSecret`: content of the Secret that the module names, if it is there. */
export function wasmConfig(extension: WasmExtension, pullSecret: string | undefined): PackedAny {
  const config = pluginConfig(extension, pullSecret);
  return extension.code.layer === 'http' ? packAny(HttpWasm, { config }) : packAny(NetworkWasm, { config });
}

function pluginConfig(extension: WasmExtension, pullSecret: string | undefined): Draft<typeof PluginConfig> {
  const { module } = extension.code;
  return {
    name: extension.name,
    rootId: module.pluginName ?? '',
    ...(module.pluginConfig === undefined
      ? {}
      : { configuration: packAny(StringValue, { value: JSON.stringify(module.pluginConfig) }) }),
    failurePolicy: POLICIES[module.failStrategy ?? 'FAIL_CLOSE'],
    vm: {
      $case: 'vmConfig',
      value: {
        runtime: 'envoy.wasm.runtime.v8',
        code: codeOf(module),
        environmentVariables: environmentOf(extension, pullSecret),
      },
    },
  };
}

const POLICIES = {
  FAIL_CLOSE: FailurePolicy.FAIL_CLOSED,
  FAIL_OPEN: FailurePolicy.FAIL_OPEN,
  FAIL_RELOAD: FailurePolicy.FAIL_RELOAD,
} as const;

/** An address without a scheme is an image. */
function codeOf({ url, sha256 = '' }: WasmModule): Draft<typeof AsyncDataSource> {
  const address = /^[a-z][a-z0-9+.-]*:\/\//i.test(url) ? url : `oci://${url}`;
  if (address.toLowerCase().startsWith('file://'))
    return { specifier: { $case: 'local', value: { specifier: { $case: 'filename', value: pathOf(address) } } } };
  const httpUri = {
    uri: address,
    httpUpstreamType: { $case: 'cluster', value: NO_CLUSTER },
    timeout: duration(FETCH_MS),
  } as const;
  return { specifier: { $case: 'remote', value: { httpUri, sha256 } } };
}

const pathOf = (address: string): string => decodeURIComponent(new URL(address).pathname);

function environmentOf({ generation, code: { module } }: WasmExtension, pullSecret: string | undefined) {
  const env = module.vmConfig?.env ?? [];
  const own = env.filter(({ valueFrom }) => valueFrom !== 'HOST');
  return {
    hostEnvKeys: env.filter(({ valueFrom }) => valueFrom === 'HOST').map(({ name }) => name),
    keyValues: {
      ...Object.fromEntries(own.map(({ name, value = '' }) => [name, value])),
      [PULL_POLICY]: module.imagePullPolicy ?? 'UNSPECIFIED_POLICY',
      [GENERATION]: String(generation),
      ...(pullSecret === undefined ? {} : { [PULL_SECRET]: pullSecret }),
    },
  };
}
