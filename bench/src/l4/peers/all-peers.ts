import type { BenchOptions } from '../../options.js';
import type { BenchAuthority } from './bench-authority.js';
import { commandPair } from './command-pair.js';
import { direct } from './direct.js';
import { envoy } from './envoy.js';
import { haproxy } from './haproxy.js';
import { nginx } from './nginx.js';
import type { Peer } from './peer.js';
import { weft } from './weft.js';

/** The peers that the command line asks for. The portable engine is left out of a quick run that does not name it. */
export function peersOf(
  { only, pairs, quick, before }: Pick<BenchOptions, 'only' | 'pairs' | 'quick' | 'before'>,
  authority: BenchAuthority,
): readonly Peer[] {
  const portable = weft(authority, { engine: 'portable' });
  const earlier = before === null ? [] : [weft(authority, { before })];
  const all = [direct, weft(authority), ...earlier, portable, haproxy, nginx, envoy, ...pairs.map(commandPair)];
  return all.filter((peer) => (only.length === 0 ? !quick || peer !== portable : only.includes(peer.name)));
}
