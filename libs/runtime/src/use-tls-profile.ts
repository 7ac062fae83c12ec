import tls from 'node:tls';
import type { TlsProfile } from '@weft/tls-profile';

/**
 * Makes a profile the rule for everything in this process that `node:tls` makes from now on: gRPC and HTTPS, servers and
 * clients. Once, at the start of a process; returns what takes it back, for tests.
 */
export function useTlsProfile({ minVersion, tls13Suites, tls12Suites, groups }: TlsProfile): () => void {
  const before = {
    DEFAULT_MIN_VERSION: tls.DEFAULT_MIN_VERSION,
    DEFAULT_CIPHERS: tls.DEFAULT_CIPHERS,
    DEFAULT_ECDH_CURVE: tls.DEFAULT_ECDH_CURVE,
  };
  Object.assign(tls, {
    DEFAULT_MIN_VERSION: minVersion,
    DEFAULT_CIPHERS: [...tls13Suites, ...tls12Suites].join(':'),
    DEFAULT_ECDH_CURVE: groups,
  });
  return () => void Object.assign(tls, before);
}
