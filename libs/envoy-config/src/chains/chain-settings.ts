import type { FetchContext } from '@weft/collections';
import type { MeshModel } from '@weft/mesh-model';
import type { JwtSettings } from '../authentication/jwt-filter.js';
import type { ProviderLookup, Providers } from '../providers/provider-lookup.js';
import type { MeshSettings } from '../resources/mesh-settings.js';

/** What filters of every chain are made with. */
export interface ChainSettings {
  readonly jwt: JwtSettings;
  readonly clusterDomain: string;
  readonly providers: Providers;
  readonly clusterId: string;
}

export const chainSettings =
  ({ config, sources }: MeshModel, mesh: MeshSettings, lookup: ProviderLookup) =>
  (fetch: FetchContext): ChainSettings => ({
    clusterDomain: mesh.clusterDomain,
    clusterId: config.clusterId,
    providers: lookup.providersFor(fetch),
    jwt: { unknownKeys: mesh.unknownKeys, jwksOf: (source) => fetch.get(sources.jwks, source) },
  });
