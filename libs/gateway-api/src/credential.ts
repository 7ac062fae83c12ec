import { createPrivateKey } from 'node:crypto';
import { pemCertificates } from './pem-certificates.js';

/** The certificate of a server, as a Secret has it. */
export interface Credential {
  /** PEM. */
  readonly certificate: { readonly chain: string; readonly key: string } | null;
  /** Why there is none to use, and what to correct; null if there is one. */
  readonly fault: string | null;
}

/** Keys of a Secret that are read; those of generic Secrets go before those of type kubernetes.io/tls. */
export const CREDENTIAL_KEYS = { chain: ['cert', 'tls.crt'], key: ['key', 'tls.key'] } as const;

/** Reads the data of a Secret, decoded. Never throws. */
export function readCredential(data: Readonly<Record<string, string>>): Credential {
  const nameOf = (names: readonly string[]): string => names.find((one) => data[one] !== undefined) ?? names.at(-1)!;
  const chainName = nameOf(CREDENTIAL_KEYS.chain);
  const keyName = nameOf(CREDENTIAL_KEYS.key);
  const [chain = '', key = ''] = [data[chainName], data[keyName]];
  const fault = faultOf(chain, key, { chainName, keyName });
  return { certificate: fault === null ? { chain, key } : null, fault };
}

function faultOf(
  chain: string,
  key: string,
  { chainName, keyName }: { readonly chainName: string; readonly keyName: string },
): string | null {
  const [first] = pemCertificates(chain);
  if (first === undefined) return `${chainName} is not a certificate in PEM; correct it`;
  try {
    return first.checkPrivateKey(createPrivateKey(key))
      ? null
      : `${keyName} is not the key of ${chainName}; write the pair`;
  } catch {
    return `${keyName} is not a private key in PEM; correct it`;
  }
}
