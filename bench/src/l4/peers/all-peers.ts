import type { BenchOptions } from '../../options.js';
import type { BenchAuthority } from './bench-authority.js';
import { commandPair } from './command-pair.js';
import { direct } from './direct.js';
import { envoy } from './envoy.js';
import { haproxy } from './haproxy.js';
import { nginx } from './nginx.js';
import type { Peer } from './peer.js';
import { weft } from './weft.js';

/** The peers that the command line asks for. */
export function peersOf(
  { only, pairs }: Pick<BenchOptions, 'only' | 'pairs'>,
  authority: BenchAuthority,
): readonly Peer[] {
  const all = [direct, weft(authority), haproxy, nginx, envoy, ...pairs.map(commandPair)];
  return all.filter(({ name }) => only.length === 0 || only.includes(name));
}
