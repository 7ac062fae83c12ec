import type { FetchContext } from '@weft/collections';
import { NO_EXTENSIONS, type ExtensionProvider, type MeshExtensions } from '@weft/mesh-api';
import { MESH_TRUST_KEY, type MeshModel, type ServiceClaim } from '@weft/mesh-model';
import type { MeshSettings } from '../resources/mesh-settings.js';
import { outboundName } from '../routes/route-target.js';

/** A server that a provider names. */
export interface ProviderServer {
  readonly service: string;
  readonly port: number;
}

/** What the providers of MeshConfig are, seen from a proxy. */
export interface Providers {
  readonly extensions: MeshExtensions;
  find(name: string): ExtensionProvider | null;
  /** The cluster of a server; null if no service of the mesh has that host and port. */
  clusterOf(server: ProviderServer): string | null;
}

/** Without `namespace/` before it. */
export const hostOf = (service: string): string => service.slice(service.indexOf('/') + 1);

export interface ProviderLookup {
  readonly providersFor: (fetch: FetchContext) => Providers;
  /** The services that providers are. */
  readonly claimsFor: (fetch: FetchContext) => readonly ServiceClaim[];
  /** The settings with what MeshConfig says now of services and routes. */
  readonly meshAt: (fetch: FetchContext, mesh: MeshSettings) => MeshSettings;
}

/** Finds providers and their services while something is derived, so that it follows both. */
export function providerLookup({ graph, sources, services }: MeshModel): ProviderLookup {
  const byHostname = graph.index('services by host of a provider', services, (state) => [state.claim.hostname]);
  const extensionsOf = (fetch: FetchContext): MeshExtensions =>
    fetch.get(sources.meshExtensions, MESH_TRUST_KEY) ?? NO_EXTENSIONS;
  const claimOf = (fetch: FetchContext, { service, port }: ProviderServer): ServiceClaim | null => {
    const namespace = service.includes('/') ? service.slice(0, service.indexOf('/')) : null;
    const found = fetch
      .lookup(byHostname, hostOf(service))
      .filter(({ claim }) => namespace === null || claim.meta.namespace === namespace);
    const state = found.find(({ message }) => message.canonical) ?? found[0];
    return state?.claim.ports.some(({ servicePort }) => servicePort === port) === true ? state.claim : null;
  };
  return {
    providersFor: (fetch) => {
      const extensions = extensionsOf(fetch);
      return {
        extensions,
        find: (name) => (Object.hasOwn(extensions.providers, name) ? extensions.providers[name]! : null),
        clusterOf: (server) => {
          const claim = claimOf(fetch, server);
          return claim === null ? null : outboundName(claim.hostname, server.port);
        },
      };
    },
    meshAt: (fetch, mesh) => ({ ...mesh, defaults: extensionsOf(fetch) }),
    claimsFor: (fetch) =>
      Object.values(extensionsOf(fetch).providers).flatMap((provider) => {
        const server = serverOf(provider);
        return (server === null ? null : claimOf(fetch, server)) ?? [];
      }),
  };
}

/** Null for a provider that is no server. */
function serverOf(provider: ExtensionProvider): ProviderServer | null {
  const { envoyExtAuthzHttp, envoyExtAuthzGrpc, opentelemetry, zipkin, envoyHttpAls, envoyTcpAls, envoyOtelAls } =
    provider;
  return (
    envoyExtAuthzHttp ??
    envoyExtAuthzGrpc ??
    opentelemetry ??
    zipkin ??
    envoyHttpAls ??
    envoyTcpAls ??
    envoyOtelAls ??
    null
  );
}
