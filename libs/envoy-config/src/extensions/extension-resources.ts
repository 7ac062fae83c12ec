import type { Collection } from '@weft/collections';
import type { EnvoyPatches, MeshModel, ProxyExtension } from '@weft/mesh-model';
import { EXTENSION_TYPE_URL } from '@weft/xds';
import { TypedExtensionConfig } from '@weft/xds/gen/envoy/config/core/v3/extension.js';
import { Lua } from '@weft/xds/gen/envoy/extensions/filters/http/lua/v3/lua.js';
import { extension as packed } from '../messages/extension.js';
import { proxyResource, SAME_VERSION, type ProxyResource } from '../resources/proxy-resource.js';
import { wasmConfig } from './wasm-config.js';

interface Use {
  /** What of the waypoint or gateway uses it. */
  readonly from: string;
  readonly waypoint: string;
  readonly extension: ProxyExtension;
}

/** What filters run that proxies ask for by name: scripts, and modules with the credentials to fetch them. */
export function extensionResources(model: MeshModel): Collection<ProxyResource> {
  const { graph, attachedServices, waypoints, ingressGateways, sources, envoyPatchesAt } = model;
  const ofServices = graph.deriveMany(
    'extensions of services',
    attachedServices,
    ({ key: from, waypoint, envoyPatches }) => usesOf(from, waypoint.key, envoyPatches),
    { key },
  );
  const ofWaypoints = graph.deriveMany(
    'extensions of waypoints',
    waypoints,
    (waypoint, fetch) => usesOf('waypoint', waypoint.key, envoyPatchesAt(fetch, waypoint)),
    { key },
  );
  const ofGateways = graph.deriveMany(
    'extensions of gateways',
    ingressGateways,
    (gateway) => usesOf('gateway', gateway.key, gateway.envoyPatches),
    { key },
  );
  const uses = graph.union('uses of extensions', [ofServices, ofWaypoints, ofGateways]);
  const grouped = graph.group('extensions in use', uses, ({ waypoint, extension }) => [
    `${waypoint}|${extension.name}`,
  ]);
  return graph.deriveMany(
    'configurations of extensions',
    grouped,
    ({ members }, fetch) => {
      const { waypoint, extension } = members[0]!;
      const secret = secretOf(extension);
      return [extensionResource(waypoint, extension, secret && fetch.get(sources.pullSecrets, secret))];
    },
    SAME_VERSION,
  );
}

const key = ({ from, waypoint, extension }: Use): string => `${waypoint}|${extension.name} ${from}`;

const usesOf = (from: string, waypoint: string, patches: readonly EnvoyPatches[]): readonly Use[] =>
  patches.flatMap(({ extension, patches: own }) =>
    extension === null || own.length === 0 ? [] : [{ from, waypoint, extension }],
  );

/** In the namespace of the extension. */
function secretOf({ namespace, code }: ProxyExtension): string | undefined {
  if (code.kind !== 'wasm' || code.module.imagePullSecret === undefined) return undefined;
  return `${namespace}/${code.module.imagePullSecret}`;
}

function extensionResource(waypoint: string, extension: ProxyExtension, pullSecret: string | undefined): ProxyResource {
  const { name, code } = extension;
  const config =
    code.kind === 'wasm'
      ? { name, typedConfig: wasmConfig({ ...extension, code }, pullSecret) }
      : packed(name, Lua, { defaultSourceCode: { specifier: { $case: 'inlineString', value: code.script } } });
  const body = TypedExtensionConfig.encode(TypedExtensionConfig.fromPartial(config)).finish();
  return proxyResource(waypoint, EXTENSION_TYPE_URL, name, body);
}
