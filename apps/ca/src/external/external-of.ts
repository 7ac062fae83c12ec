import type { KubeClient } from '@weft/kube';
import type { Clock } from '@weft/result';
import type { Logger } from '@weft/runtime';
import { MeshEndpoint } from '@weft/xds-grpc';
import type { CaConfig } from '../config.js';
import { ExternalSigner, type ExternalAuthority } from './external-signer.js';
import { GrpcAuthority } from './grpc-authority.js';
import { KubernetesAuthority } from './kubernetes-authority.js';

export interface ExternalParts {
  readonly kube: KubeClient;
  /** Names this process among others that do the same. */
  readonly instance: string;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Who signs instead of this process, as the settings say; null if nobody. */
export function externalOf(config: CaConfig, parts: ExternalParts): ExternalSigner | null {
  const authority = authorityOf(config, parts);
  if (authority === null) return null;
  const { externalRootFile: rootFile, rootRefreshMs: refreshMs } = config;
  return new ExternalSigner({ authority, rootFile, refreshMs, clock: parts.clock, log: parts.log });
}

function authorityOf(config: CaConfig, parts: ExternalParts): ExternalAuthority | null {
  if (config.externalCa === 'none') return null;
  if (config.externalCa === 'kubernetes')
    return new KubernetesAuthority({ ...parts, signerName: config.externalSigner });
  const endpoint = MeshEndpoint.parse({
    address: config.externalAddress,
    root: config.externalServerRootFile,
    token: config.externalTokenFile,
    clusterId: 'Kubernetes',
    ...(config.externalServerName !== null && { serverName: config.externalServerName }),
  });
  if (!endpoint.ok) throw endpoint.error;
  return new GrpcAuthority(endpoint.value);
}
