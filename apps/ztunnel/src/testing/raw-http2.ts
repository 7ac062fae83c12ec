import { once } from 'node:events';
import type net from 'node:net';
import tls from 'node:tls';
import type { TestIdentity } from '@weft/testing-certificates';

export const HTTP2_PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');

export const frameType = {
  DATA: 0,
  HEADERS: 1,
  PRIORITY: 2,
  RST_STREAM: 3,
  SETTINGS: 4,
  PING: 6,
  GOAWAY: 7,
  WINDOW_UPDATE: 8,
  CONTINUATION: 9,
} as const;

const GOAWAY_CODE_AT = 4;

/** A frame of any shape, right or wrong. */
export function frame(type: number, flags: number, streamId: number, payload: Buffer = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(streamId, 5);
  return Buffer.concat([head, payload]);
}

export function u32(...values: number[]): Buffer {
  const bytes = Buffer.alloc(4 * values.length);
  values.forEach((value, i) => bytes.writeUInt32BE(value, 4 * i));
  return bytes;
}

/** HPACK literals without indexing (RFC 7541, 6.2.2): `:method` and `:authority` are names 2 and 1 of the static table. */
export function connectBlock(authority: string): Buffer {
  return Buffer.concat([
    Buffer.from([0x02, 7]),
    Buffer.from('CONNECT'),
    Buffer.from([0x01, authority.length]),
    Buffer.from(authority),
  ]);
}

/** TLS options of one side that knows who it is and trusts the mesh. */
export function meshTls({ certificateChainPem, privateKeyPem, rootsPem }: TestIdentity) {
  return {
    cert: certificateChainPem,
    key: privateKeyPem,
    ca: rootsPem,
    requestCert: true,
    rejectUnauthorized: true,
    ALPNProtocols: ['h2'],
    minVersion: 'TLSv1.3',
  } as const;
}

/** One end of an HTTP/2 connection that keeps to no rule but those the test makes. */
export class RawPeer {
  #received = Buffer.alloc(0);
  #closed = false;

  constructor(readonly socket: tls.TLSSocket) {
    for (const end of ['end', 'close', 'error']) socket.once(end, () => (this.#closed = true));
    socket.on('error', () => undefined);
    socket.on('data', (chunk: Buffer) => (this.#received = Buffer.concat([this.#received, chunk])));
  }

  /** A client on a connected socket, which has said hello. */
  static async connect(raw: net.Socket, identity: TestIdentity): Promise<RawPeer> {
    const socket = tls.connect({ ...meshTls(identity), socket: raw, checkServerIdentity: () => undefined });
    const peer = new RawPeer(socket);
    await once(socket, 'secureConnect');
    peer.send(HTTP2_PREFACE, frame(frameType.SETTINGS, 0, 0), frame(frameType.SETTINGS, 1, 0));
    return peer;
  }

  /** The other side ended it. */
  get closed(): boolean {
    return this.#closed;
  }

  send(...frames: readonly Buffer[]): void {
    if (!this.#closed) this.socket.write(Buffer.concat(frames));
  }

  /** Whole frames received so far, as `type stream`, with the status index or the code where there is one. */
  frames(): { readonly type: number; readonly streamId: number; readonly payload: Buffer }[] {
    const found = [];
    for (let at = 0; at + 9 <= this.#received.length;) {
      const end = at + 9 + this.#received.readUIntBE(at, 3);
      if (end > this.#received.length) break;
      const streamId = this.#received.readUInt32BE(at + 5);
      found.push({ type: this.#received[at + 3]!, streamId, payload: this.#received.subarray(at + 9, end) });
      at = end;
    }
    return found;
  }

  /** The code of the last GOAWAY; null without one. */
  goawayCode(): number | null {
    const last = this.frames().findLast(({ type }) => type === frameType.GOAWAY);
    return last === undefined ? null : last.payload.readUInt32BE(GOAWAY_CODE_AT);
  }
}
