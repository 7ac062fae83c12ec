import { TypedExtensionConfig } from '@weft/xds/gen/envoy/config/core/v3/extension.js';
import { Listener } from '@weft/xds/gen/envoy/config/listener/v3/listener.js';
import { Wasm as HttpWasm } from '@weft/xds/gen/envoy/extensions/filters/http/wasm/v3/wasm.js';
import { Router } from '@weft/xds/gen/envoy/extensions/filters/http/router/v3/router.js';
import { HttpConnectionManager } from '@weft/xds/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.js';
import { Wasm as NetworkWasm } from '@weft/xds/gen/envoy/extensions/filters/network/wasm/v3/wasm.js';
import { FailurePolicy, PluginConfig } from '@weft/xds/gen/envoy/extensions/wasm/v3/wasm.js';
import { StringValue } from '@weft/xds/gen/google/protobuf/wrappers.js';

export interface ModuleSpec {
  readonly name: string;
  readonly url: string;
  readonly sha256?: string;
  readonly policy?: FailurePolicy;
  readonly config?: string;
  readonly network?: boolean;
  /** As Istio's control plane sends it: the agent's settings among them. */
  readonly variables?: Readonly<Record<string, string>>;
}

const type = (name: string): string => `type.googleapis.com/${name}`;
const packed = (name: string, bytes: Uint8Array) => ({ typeUrl: type(name), value: Buffer.from(bytes) });

/** An extension as the control plane sends it. */
export function extensionConfig(spec: ModuleSpec): Uint8Array {
  const { name, url, sha256 = '', policy = FailurePolicy.FAIL_CLOSED, config, variables = {} } = spec;
  const plugin = PluginConfig.fromPartial({
    name,
    failurePolicy: policy,
    ...(config === undefined
      ? {}
      : {
          configuration: packed(
            StringValue.$type,
            StringValue.encode({ $type: StringValue.$type, value: config }).finish(),
          ),
        }),
    vm: {
      $case: 'vmConfig',
      value: {
        runtime: 'envoy.wasm.runtime.v8',
        code: {
          specifier: {
            $case: 'remote',
            value: {
              sha256,
              httpUri: { uri: url, httpUpstreamType: { $case: 'cluster', value: '_' }, timeout: { seconds: 30n } },
            },
          },
        },
        environmentVariables: { keyValues: { ...variables } },
      },
    },
  });
  const typedConfig =
    spec.network === true
      ? packed(NetworkWasm.$type, NetworkWasm.encode(NetworkWasm.fromPartial({ config: plugin })).finish())
      : packed(HttpWasm.$type, HttpWasm.encode(HttpWasm.fromPartial({ config: plugin })).finish());
  return TypedExtensionConfig.encode(TypedExtensionConfig.fromPartial({ name, typedConfig })).finish();
}

/** A listener with this extension in front of the web server. */
export function listenerWith(
  name: string,
  { name: extension, network = false }: Pick<ModuleSpec, 'name' | 'network'>,
): Uint8Array {
  const layer = network ? 'network' : 'http';
  const discovered = {
    name: extension,
    configType: {
      $case: 'configDiscovery' as const,
      value: {
        configSource: {
          configSourceSpecifier: { $case: 'ads' as const, value: {} },
          initialFetchTimeout: {},
          resourceApiVersion: 2,
        },
        typeUrls: ['wasm.v3.Wasm', 'rbac.v3.RBAC'].map((one) => type(`envoy.extensions.filters.${layer}.${one}`)),
      },
    },
  };
  const manager = HttpConnectionManager.fromPartial({
    statPrefix: name,
    routeSpecifier: {
      $case: 'routeConfig',
      value: {
        virtualHosts: [
          {
            name,
            domains: ['*'],
            routes: [
              {
                match: { pathSpecifier: { $case: 'prefix', value: '/' } },
                action: { $case: 'route', value: { clusterSpecifier: { $case: 'cluster', value: 'web' } } },
              },
            ],
          },
        ],
      },
    },
    httpFilters: [
      ...(network ? [] : [discovered]),
      {
        name: 'router',
        configType: {
          $case: 'typedConfig',
          value: packed(Router.$type, Router.encode(Router.fromPartial({})).finish()),
        },
      },
    ],
  });
  const http = packed(HttpConnectionManager.$type, HttpConnectionManager.encode(manager).finish());
  return Listener.encode(
    Listener.fromPartial({
      name,
      address: {
        address: {
          $case: 'socketAddress',
          value: { address: '127.0.0.1', portSpecifier: { $case: 'portValue', value: 0 } },
        },
      },
      filterChains: [
        {
          filters: [
            ...(network ? [discovered] : []),
            { name: 'http', configType: { $case: 'typedConfig', value: http } },
          ],
        },
      ],
    }),
  ).finish();
}
