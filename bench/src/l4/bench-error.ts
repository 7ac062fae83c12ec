import { MeshError } from '@weft/result';

/** `BENCH_PEER_FAILED`: a peer could not be started, or ended; the message holds the end of its output. */
export class PeerError extends MeshError {
  readonly code = 'BENCH_PEER_FAILED';
}
