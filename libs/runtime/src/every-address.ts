import { existsSync } from 'node:fs';

/** Where a server listens that is to be reached at every address: a socket of `::` takes IPv4 as well, where there is IPv6. */
export function everyAddress(): '::' | '0.0.0.0' {
  return existsSync('/proc/net/if_inet6') ? '::' : '0.0.0.0';
}
