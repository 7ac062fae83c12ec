import { connect, type TLSSocket } from 'node:tls';
import { HpackDecoder, HpackEncoder, type HeaderField } from '@weft/hbone';
import { MeshError } from '@weft/result';
import { IstioCertificateRequest } from '@weft/xds/gen/mesh/ca/ca.js';
import { SERVER_NAME, type NodeClientOptions } from './node-client.js';

const FRAME_HEADER_BYTES = 9;
const DATA = 0;
const HEADERS = 1;
const RST_STREAM = 3;
const PING = 6;
const END_STREAM = 1;
const END_HEADERS = 4;
const ACK = 1;
const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
const SETTINGS = frame(4, 0, 0, Buffer.alloc(0));
const SETTINGS_ACK = frame(4, ACK, 0, Buffer.alloc(0));
/** For all answers of a measurement together. */
const WINDOW_UPDATE = frame(8, 0, 0, Buffer.from([0x7f, 0, 0, 0]));
const PATH = '/istio.v1.auth.IstioCertificateService/CreateCertificate';

/** `BENCH_WIRE_CLIENT`: the connection ended. */
class WireClientError extends MeshError {
  readonly code = 'BENCH_WIRE_CLIENT';
}

interface OpenRequest {
  readonly answered: (failure: string | null) => void;
  messageBytes: number;
  grpcStatus: string;
}

/**
 * What a gRPC client puts on the wire, with the token in every request (Huffman coded and never indexed, as nghttp2 does), but
 * made beforehand: 64 clients of grpc-js take more CPU than the CA, from the same two cores.
 */
export class WireClient {
  readonly #decoder = new HpackDecoder({ maxTableBytes: 4096, maxListBytes: 65_536, maxFields: 100 });
  readonly #block: () => Buffer;
  #input: Buffer = Buffer.alloc(0);
  #streamId = 1;
  readonly #open = new Map<number, OpenRequest>();
  #output: Buffer[] = [];
  #failure: string | null = null;

  private constructor(
    private readonly socket: TLSSocket,
    token: string,
  ) {
    const fields: HeaderField[] = [
      ...([[':method', 'POST'], [':scheme', 'https'], [':path', PATH], [':authority', SERVER_NAME]] as const),
      ...([['content-type', 'application/grpc'], ['te', 'trailers'], ['grpc-timeout', '10S']] as const),
      ...([['user-agent', 'weft-bench'], ['authorization', `Bearer ${token}`]] as const),
    ]; // prettier-ignore
    const encoder = new HpackEncoder();
    const encode = (): Buffer => {
      const room = Buffer.alloc(HpackEncoder.bound(fields));
      return room.subarray(0, encoder.encode(fields, room, 0));
    };
    const [first, later] = [encode(), encode()];
    this.#block = () => (this.#streamId === 1 ? first : later);
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    socket.on('error', (failure: Error) => this.#end(failure.message)).on('close', () => this.#end('closed'));
    socket.write(Buffer.concat([PREFACE, SETTINGS, WINDOW_UPDATE]));
  }

  static async open({ port, rootsPem, token }: NodeClientOptions): Promise<WireClient> {
    const options = { host: '127.0.0.1', port, ca: rootsPem, servername: SERVER_NAME, ALPNProtocols: ['h2'] };
    return new Promise((resolve, reject) => {
      const socket = connect(options, () => {
        socket.off('error', reject).setNoDelay(true);
        resolve(new WireClient(socket, token));
      });
      socket.once('error', reject);
    });
  }

  /** The DATA frame of a request, its stream left open. */
  static request(request: IstioCertificateRequest): Buffer {
    const message = IstioCertificateRequest.encode(request).finish();
    const prefix = Buffer.alloc(5);
    prefix.writeUInt32BE(message.length, 1);
    return frame(DATA, END_STREAM, 0, Buffer.concat([prefix, message]));
  }

  /** Resolves with the failure, null if a certificate came. */
  async ask(request: Buffer): Promise<string | null> {
    if (this.#failure !== null) throw new WireClientError(this.#failure);
    const bytes = Buffer.concat([frame(HEADERS, END_HEADERS, this.#streamId, this.#block()), request]);
    bytes.writeUInt32BE(this.#streamId, bytes.length - request.length + 5);
    return new Promise((answered) => {
      this.#open.set(this.#streamId, { answered, messageBytes: 0, grpcStatus: '' });
      this.#streamId += 2;
      this.#write(bytes);
    });
  }

  close(): void {
    this.socket.destroy();
  }

  #receive(chunk: Buffer): void {
    this.#input = this.#input.length === 0 ? chunk : Buffer.concat([this.#input, chunk]);
    let at = 0;
    while (this.#input.length - at >= FRAME_HEADER_BYTES) {
      const end = at + FRAME_HEADER_BYTES + this.#input.readUIntBE(at, 3);
      if (end > this.#input.length) break;
      this.#frame(this.#input[at + 3]!, this.#input[at + 4]!, at + FRAME_HEADER_BYTES, end);
      at = end;
    }
    this.#input = this.#input.subarray(at);
  }

  /** What is asked in one turn goes out together, as from any HTTP/2 client. */
  #write(bytes: Buffer): void {
    if (this.#output.length === 0)
      setImmediate(() => {
        this.socket.write(Buffer.concat(this.#output));
        this.#output = [];
      });
    this.#output.push(bytes);
  }

  #frame(type: number, flags: number, start: number, end: number): void {
    const streamId = this.#input.readUInt32BE(start - 4);
    const open = this.#open.get(streamId);
    if (type === 4 && (flags & ACK) === 0) this.#write(SETTINGS_ACK);
    else if (type === PING && (flags & ACK) === 0) this.#write(frame(PING, ACK, 0, this.#input.subarray(start, end)));
    else if (type === RST_STREAM) this.#answer(streamId, `reset with ${this.#input.readUInt32BE(start)}`);
    else if (type === DATA && open !== undefined) open.messageBytes += end - start;
    else if (type === HEADERS) {
      const { fields } = this.#decoder.decode(this.#input, start, end);
      if (open === undefined) return;
      open.grpcStatus = fields.find(([name]) => name === 'grpc-status')?.[1] ?? open.grpcStatus;
      if ((flags & END_STREAM) === 0) return;
      const good = open.grpcStatus === '0' && open.messageBytes > 1000;
      this.#answer(streamId, good ? null : `grpc-status ${open.grpcStatus}, ${open.messageBytes} bytes`);
    }
  }

  #answer(streamId: number, failure: string | null): void {
    this.#open.get(streamId)?.answered(failure);
    this.#open.delete(streamId);
  }

  #end(why: string): void {
    this.#failure ??= `the connection to the CA ended: ${why}`;
    for (const streamId of [...this.#open.keys()]) this.#answer(streamId, this.#failure);
  }
}

function frame(type: number, flags: number, streamId: number, payload: Uint8Array): Buffer {
  const head = Buffer.alloc(FRAME_HEADER_BYTES);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(streamId, 5);
  return Buffer.concat([head, payload]);
}
