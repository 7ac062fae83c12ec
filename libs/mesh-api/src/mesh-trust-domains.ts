import { err, ok, type Result } from '@weft/result';
import { meshConfigMapping } from './mesh-config/mesh-config-mapping.js';

/** What MeshConfig says of the names of this mesh; a field that is not there is undefined. */
export interface MeshTrustDomains {
  readonly trustDomain: string | undefined;
  /** Other names of the same mesh: peers may show them, and policies that name one mean all. */
  readonly trustDomainAliases: readonly string[];
}

export const MESH_CONFIG_MAP = 'istio';
export const MESH_CONFIG_KEY = 'mesh';

/** SPIFFE ID 2.1. */
const TRUST_DOMAIN = /^[a-z0-9._-]{1,255}$/;

/** Reads the YAML of MeshConfig (ConfigMap `istio`, key `mesh`). Other fields are not looked at. */
export function parseMeshTrustDomains(yaml: string): Result<MeshTrustDomains, string> {
  const config = meshConfigMapping(yaml);
  if (!config.ok) return config;
  const { trustDomain, trustDomainAliases = [] } = config.value;
  if (trustDomain !== undefined && !isTrustDomain(trustDomain))
    return err(`MeshConfig trustDomain: ${JSON.stringify(trustDomain)} is not a trust domain`);
  if (!Array.isArray(trustDomainAliases)) return err('MeshConfig trustDomainAliases: want a list');
  for (const [index, alias] of trustDomainAliases.entries()) {
    if (!isTrustDomain(alias))
      return err(`MeshConfig trustDomainAliases[${index}]: ${JSON.stringify(alias)} is not a trust domain`);
  }
  return ok({ trustDomain, trustDomainAliases: trustDomainAliases as readonly string[] });
}

const isTrustDomain = (value: unknown): value is string => typeof value === 'string' && TRUST_DOMAIN.test(value);
