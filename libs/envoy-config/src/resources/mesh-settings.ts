import type { TrafficDefaults } from '@weft/mesh-api';

/** What of the mesh as a whole goes into the configuration of every proxy. */
export interface MeshSettings {
  /** First its own, then its aliases. */
  readonly trustDomains: readonly string[];
  readonly connectTimeoutMs: number;
  readonly clusterDomain: string;
  /** See `JwtSettings.unknownKeys`. */
  readonly unknownKeys: string;
  /** What MeshConfig says of services and routes that say nothing themselves; it may change. */
  readonly defaults?: TrafficDefaults;
}
