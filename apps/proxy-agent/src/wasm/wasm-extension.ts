import { TypedExtensionConfig } from '@weft/xds/gen/envoy/config/core/v3/extension.js';
import { RBAC as HttpRbac } from '@weft/xds/gen/envoy/extensions/filters/http/rbac/v3/rbac.js';
import { Wasm as HttpWasm } from '@weft/xds/gen/envoy/extensions/filters/http/wasm/v3/wasm.js';
import { RBAC as NetworkRbac } from '@weft/xds/gen/envoy/extensions/filters/network/rbac/v3/rbac.js';
import { Wasm as NetworkWasm } from '@weft/xds/gen/envoy/extensions/filters/network/wasm/v3/wasm.js';
import { FailurePolicy, type PluginConfig, type VmConfig } from '@weft/xds/gen/envoy/extensions/wasm/v3/wasm.js';
import { RBAC_Action } from '@weft/xds/gen/envoy/config/rbac/v3/rbac.js';
import type { CachedModule } from './module-cache.js';

type Rules = Parameters<typeof HttpRbac.fromPartial>[0];

const PREFIX = 'type.googleapis.com/';

interface Layer {
  readonly decode: (bytes: Uint8Array) => PluginConfig | undefined;
  readonly encode: (config: PluginConfig) => Uint8Array;
  readonly standInType: string;
  readonly standIn: (rules: Pick<Rules, 'rules'>) => Uint8Array;
}

const LAYERS: Readonly<Record<string, Layer>> = {
  [`${PREFIX}${HttpWasm.$type}`]: {
    decode: (bytes) => HttpWasm.decode(bytes).config,
    encode: (config) => HttpWasm.encode(HttpWasm.fromPartial({ config })).finish(),
    standInType: `${PREFIX}${HttpRbac.$type}`,
    standIn: (rules) => HttpRbac.encode(HttpRbac.fromPartial(rules)).finish(),
  },
  [`${PREFIX}${NetworkWasm.$type}`]: {
    decode: (bytes) => NetworkWasm.decode(bytes).config,
    encode: (config) => NetworkWasm.encode(NetworkWasm.fromPartial({ config })).finish(),
    standInType: `${PREFIX}${NetworkRbac.$type}`,
    standIn: (rules) => NetworkRbac.encode(NetworkRbac.fromPartial({ statPrefix: 'wasm.', ...rules })).finish(),
  },
};

/** Istio's names for what is there for the agent alone. */
const PULL_SECRET = 'ISTIO_META_WASM_IMAGE_PULL_SECRET';
const PULL_POLICY = 'ISTIO_META_WASM_IMAGE_PULL_POLICY';
const GENERATION = 'ISTIO_META_WASM_PLUGIN_RESOURCE_VERSION';

/** A filter's configuration with a module in it. */
export interface WasmExtension {
  readonly name: string;
  readonly module: CachedModule;
  /** The same for Envoy, with the module in a file. */
  readonly loadedFrom: (file: string) => Uint8Array;
  /** What `failStrategy` says of traffic while the module cannot be had. */
  readonly opens: boolean;
  /** What Envoy gets then: a filter that lets all through, or nothing. */
  readonly standIn: () => Uint8Array;
}

/** Null: something else, or nothing that can be read, which is for Envoy to judge. */
export function readWasmExtension(bytes: Uint8Array): WasmExtension | null {
  try {
    const { name, typedConfig } = TypedExtensionConfig.decode(bytes);
    const layer = LAYERS[typedConfig?.typeUrl ?? ''];
    if (layer === undefined || typedConfig === undefined) return null;
    const config = layer.decode(typedConfig.value);
    const module = config?.vm === undefined ? null : moduleOf(config.vm.value);
    if (config === undefined || module === null) return null;
    const packed = (typeUrl: string, value: Uint8Array): Uint8Array =>
      TypedExtensionConfig.encode(
        TypedExtensionConfig.fromPartial({ name, typedConfig: { typeUrl, value: Buffer.from(value) } }),
      ).finish();
    return {
      name,
      module,
      loadedFrom: (file) => packed(typedConfig.typeUrl, layer.encode(local(config, file))),
      opens: failsOpen(config),
      standIn: () => packed(layer.standInType, layer.standIn(failsOpen(config) ? {} : DENY_ALL)),
    };
  } catch {
    return null;
  }
}

/** Where Envoy is told to fetch it by itself, from a cluster of its own, it does. */
function moduleOf({ code, environmentVariables }: VmConfig): CachedModule | null {
  const source = code?.specifier;
  const {
    [PULL_SECRET]: secret,
    [PULL_POLICY]: policy,
    [GENERATION]: generation,
  } = environmentVariables?.keyValues ?? {};
  if (source?.$case === 'local') {
    const { specifier } = source.value;
    if (specifier?.$case !== 'filename') return null;
    // Read again when the plugin changes.
    return { url: `file://${encodeURI(specifier.value)}`, sha256: '', pullSecret: null, pull: generation ?? '' };
  }
  const { httpUri, sha256 } = source?.value ?? {};
  if (httpUri === undefined || sha256 === undefined) return null;
  const always = policy === 'Always' || (policy !== 'IfNotPresent' && isLatest(httpUri.uri));
  const checked = sha256 === 'nil' ? '' : sha256;
  return {
    url: httpUri.uri,
    sha256: checked,
    pullSecret: secret === undefined || secret === '' ? null : secret,
    // What is checked cannot be another one.
    pull: always && checked === '' ? (generation ?? '') : '',
  };
}

const isLatest = (url: string): boolean =>
  /^oci:\/\//i.test(url) && (/:latest$/.test(url) || !/[:@][^/]*$/.test(url.slice(6)));

function failsOpen({ failurePolicy, failOpen }: PluginConfig): boolean {
  return failurePolicy === FailurePolicy.FAIL_OPEN || failOpen;
}

function local(config: PluginConfig, filename: string): PluginConfig {
  const vm = config.vm!.value;
  const { keyValues = {}, hostEnvKeys = [] } = vm.environmentVariables ?? {};
  const own = Object.entries(keyValues).filter(([key]) => ![PULL_SECRET, PULL_POLICY, GENERATION].includes(key));
  return {
    ...config,
    vm: {
      $case: 'vmConfig',
      value: {
        ...vm,
        code: {
          $type: 'envoy.config.core.v3.AsyncDataSource',
          specifier: {
            $case: 'local',
            value: { $type: 'envoy.config.core.v3.DataSource', specifier: { $case: 'filename', value: filename } },
          },
        },
        environmentVariables: {
          $type: 'envoy.extensions.wasm.v3.EnvironmentVariables',
          hostEnvKeys,
          keyValues: Object.fromEntries(own),
        },
      },
    },
  };
}

/** Rules that allow nothing deny all; no rules at all let all through. */
const DENY_ALL = { rules: { action: RBAC_Action.ALLOW, policies: {} } };
