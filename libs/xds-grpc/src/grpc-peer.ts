import type { Socket } from 'node:net';
import { TLSSocket, type DetailedPeerCertificate } from 'node:tls';

const LONGEST_CHAIN = 8;

/** The other end of a connection. */
export class GrpcPeer {
  /** `address:port`, for logs only: nothing may be trusted by it. */
  readonly address: string;
  #chain: readonly Buffer[] | null = null;

  constructor(private readonly socket: Socket) {
    this.address = `${socket.remoteAddress ?? ''}:${socket.remotePort ?? 0}`;
  }

  /**
   * The certificates that the client showed, leaf first, DER; empty if it showed none. The client has proved that it holds the
   * key of the leaf; that anybody vouches for it has to be verified by whoever asks.
   */
  get certificateChain(): readonly Buffer[] {
    return (this.#chain ??= this.socket instanceof TLSSocket ? chainOf(this.socket) : []);
  }
}

function chainOf(socket: TLSSocket): readonly Buffer[] {
  const chain: Buffer[] = [];
  // The types do not say that a client without a certificate gives an empty object.
  let next: Partial<DetailedPeerCertificate> | undefined = socket.getPeerCertificate(true);
  while (next?.raw !== undefined && chain.length < LONGEST_CHAIN && !chain.some((known) => known.equals(next!.raw!))) {
    chain.push(next.raw);
    next = next.issuerCertificate;
  }
  return chain;
}
