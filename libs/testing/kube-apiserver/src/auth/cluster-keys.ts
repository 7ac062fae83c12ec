import { randomBytes } from 'node:crypto';
import { parseCidr, parseIp } from '@weft/ip';
import type { ApiServerOptions } from '../api-server-options.js';
import type { ClusterIdentity } from '../storage/snapshot-file.js';
import { createAuthority, issueServingCertificate, type KeyAndCertificate } from './certificate-authority.js';
import { TokenSigner } from './token-signer.js';

/** Fresh keys for a new cluster. */
export async function createIdentity(now: Date): Promise<ClusterIdentity> {
  const [authority, tokenKeyPem] = await Promise.all([createAuthority(now), TokenSigner.newKeyPem()]);
  return {
    caCertificatePem: authority.certificatePem,
    caPrivateKeyPem: authority.privateKeyPem,
    tokenKeyPem,
    adminToken: randomBytes(32).toString('base64url'),
  };
}

/** The n-th address of a network; null when it has none. */
export function addressAt(cidr: string, index: number): string | null {
  const network = parseCidr(cidr);
  if (network === null) return null;
  const bytes = Uint8Array.from(network.base.bytes);
  let carry = index;
  for (let i = bytes.length - 1; i >= 0 && carry > 0; i--) {
    const sum = bytes[i]! + (carry % 256);
    bytes[i] = sum & 0xff;
    carry = Math.floor(carry / 256) + (sum >> 8);
  }
  const text =
    bytes.length === 4
      ? bytes.join('.')
      : Buffer.from(bytes)
          .toString('hex')
          .replace(/(.{4})(?!$)/g, '$1:');
  return parseIp(text)?.text ?? null;
}

/** Every name under which clients reach the server. */
function servingNames(options: ApiServerOptions): readonly { readonly type: 'dns' | 'ip'; readonly value: string }[] {
  const hosts = options.listeners.flatMap((listener) => ('host' in listener ? [listener.host] : []));
  const services = options.serviceCidr.split(',').map((cidr) => addressAt(cidr.trim(), 1));
  const advertised = options.advertise === undefined ? [] : [options.advertise.host];
  const dns = [
    'kubernetes',
    'kubernetes.default',
    'kubernetes.default.svc',
    `kubernetes.default.svc.${options.clusterDomain}`,
  ];
  const all = [
    ...dns,
    'localhost',
    '127.0.0.1',
    '::1',
    ...hosts,
    ...advertised,
    ...services,
    ...(options.extraNames ?? []),
  ];
  const usable = all.filter((name): name is string => name !== null && name !== '0.0.0.0' && name !== '::');
  return [...new Set(usable)].map((value) => ({ type: parseIp(value) === null ? 'dns' : 'ip', value }));
}

export function servingCertificate(
  identity: ClusterIdentity,
  options: ApiServerOptions,
  now: Date,
): Promise<KeyAndCertificate> {
  const authority = { certificatePem: identity.caCertificatePem, privateKeyPem: identity.caPrivateKeyPem };
  return issueServingCertificate(authority, servingNames(options), now);
}
