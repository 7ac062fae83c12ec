import { createPublicKey, type JsonWebKey } from 'node:crypto';

/**
 * The text if it is a set of keys of which Envoy can use at least one; null otherwise. Envoy would refuse the whole listener
 * for a set without any, and with it the configuration of every other service.
 */
export function usableKeys(text: string): string | null {
  try {
    const { keys } = JSON.parse(text) as { keys?: unknown };
    return Array.isArray(keys) && keys.some(isUsable) ? text : null;
  } catch {
    return null;
  }
}

function isUsable(key: unknown): boolean {
  const { kty, k } = (key ?? {}) as { kty?: unknown; k?: unknown };
  if (kty === 'oct') return typeof k === 'string' && k !== '';
  try {
    createPublicKey({ key: key as JsonWebKey, format: 'jwk' });
    return kty === 'RSA' || kty === 'EC' || kty === 'OKP';
  } catch {
    return false;
  }
}
