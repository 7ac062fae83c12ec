import { isConflict, isAlreadyExists, SECRETS, type KubeClient, type Secret } from '@weft/kube';
import { MeshError, type Clock } from '@weft/result';
import { CertificateAuthority, createRoot, type AuthorityMaterial } from '@weft/spiffe';
import type { CaConfig } from './config.js';

/** `CA_ROOT_UNUSABLE`: the root Secret exists but cannot be used; nothing was changed. */
export class RootUnusableError extends MeshError {
  readonly code = 'CA_ROOT_UNUSABLE';
}

/** The keys of Istio's own root Secret, so that either CA can take over from the other. */
const CERTIFICATE = 'ca-cert.pem';
const PRIVATE_KEY = 'ca-key.pem';

/**
 * Loads the root from its Secret, or makes one where there is none. Of several replicas that start at once exactly one
 * creates it and the others read that. A Secret that is present but unusable is refused, never overwritten.
 */
export async function loadOrCreateRoot(
  kube: KubeClient,
  config: CaConfig,
  clock: Clock,
): Promise<CertificateAuthority> {
  const { namespace, rootSecret } = config;
  const existing = (await kube.get(SECRETS, namespace, rootSecret)) ?? (await createSecret(kube, config, clock));
  const loaded = await CertificateAuthority.load(materialOf(existing), clock.now());
  if (loaded.ok) return loaded.value;
  throw new RootUnusableError(
    `Secret ${namespace}/${rootSecret}: ${loaded.error.message}. Put a matching ${CERTIFICATE} and ${PRIVATE_KEY} into it, or delete it to have a new root made (every workload then needs a new certificate)`,
    { cause: loaded.error },
  );
}

async function createSecret(kube: KubeClient, config: CaConfig, clock: Clock): Promise<Secret> {
  const { namespace, rootSecret: name, trustDomain, rootKeyType: keyType, rootTtlMs: ttlMs } = config;
  const root = await createRoot({ trustDomain, keyType, ttlMs, now: clock.now() });
  const encode = (text: string): string => Buffer.from(text).toString('base64');
  const data = { [CERTIFICATE]: encode(root.certificateChainPem), [PRIVATE_KEY]: encode(root.privateKeyPem) };
  try {
    return await kube.create(SECRETS, { metadata: { namespace, name }, type: 'istio.io/ca-root', data });
  } catch (failure) {
    if (!isAlreadyExists(failure) && !isConflict(failure)) throw failure;
    const winner = await kube.get(SECRETS, namespace, name);
    if (winner === null) throw failure;
    return winner;
  }
}

function materialOf(secret: Secret): AuthorityMaterial {
  const decode = (key: string): string => Buffer.from(secret.data?.[key] ?? '', 'base64').toString();
  const certificateChainPem = decode(CERTIFICATE);
  return { certificateChainPem, privateKeyPem: decode(PRIVATE_KEY), rootsPem: certificateChainPem };
}
