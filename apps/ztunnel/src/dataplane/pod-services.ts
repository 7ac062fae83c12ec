import type { Memory } from '@weft/linux';
import type { ConnectionLog } from './connection-log.js';
import type { HeldConnections } from './held-connections.js';
import type { Loop } from './loop.js';
import type { Identities } from './identities.js';
import type { DataPlaneLimits } from './limits.js';
import type { FromWorker } from './messages.js';
import type { PeerTrust } from './peer-trust.js';
import type { Pod } from './pod.js';
import type { RelaySetting } from './stream-relay.js';
import type { Transport } from './transport.js';
import type { TunnelPool } from './tunnel-pool.js';

/** What the connections of one pod work with. */
export interface PodServices {
  readonly loop: Loop;
  readonly transport: Transport;
  readonly limits: DataPlaneLimits;
  readonly pod: Pod;
  readonly pool: TunnelPool;
  readonly identities: Identities;
  readonly trust: PeerTrust;
  readonly held: HeldConnections;
  readonly log: ConnectionLog;
  readonly relaying: Readonly<Record<'inbound' | 'outbound', RelaySetting>>;
  readonly post: (message: FromWorker) => void;
  /** Where tunnels are read into, one after the other. */
  readonly readBuffer: Memory;
  /** Where plaintext relays read into. Not `readBuffer`: its bytes are still in use while a relay is woken. */
  readonly plainBuffer: Memory;
}
