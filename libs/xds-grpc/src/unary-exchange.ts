import { status } from '@grpc/grpc-js';
import { Http2Code, type HboneConnection, type HboneRequest, type HboneStream, type HeaderField } from '@weft/hbone';
import { toError } from '@weft/result';
import type { GrpcPeer } from './grpc-peer.js';
import {
  compressed,
  isGrpcContent,
  PREFIX_BYTES,
  readUnaryMessage,
  refusalFields,
  timeoutMs,
  unaryFrame,
  writePrefix,
  type GrpcRefusal,
} from './grpc-wire.js';

/** One request as the handler sees it. */
export interface UnaryCall {
  readonly message: Buffer;
  /** Of a field that came more than once: all values, joined by commas. */
  readonly header: (name: string) => string | undefined;
  readonly peer: GrpcPeer;
}

export type UnaryAnswer =
  { readonly ok: true; readonly value: Uint8Array } | { readonly ok: false; readonly error: GrpcRefusal };

/** Rejections are answered INTERNAL without their text. */
export type UnaryHandler = (call: UnaryCall) => Promise<UnaryAnswer>;

export interface UnaryMethods {
  /** By path: `/package.Service/Method`. */
  readonly methods: Readonly<Record<string, UnaryHandler>>;
  readonly largestRequestBytes: number;
  readonly onHandlerFailure: (failure: Error) => void;
}

/** A request that has not come as a whole by then is cut off. */
const REQUEST_MS = 30_000;
const CONTENT_TYPE: HeaderField = ['content-type', 'application/grpc'];
const ANSWER = [CONTENT_TYPE];
const OK_TRAILERS: readonly HeaderField[] = [['grpc-status', '0']];
const NOTHING = Buffer.alloc(0);

interface PlainAnswer {
  readonly httpStatus: number;
  readonly fields: readonly HeaderField[];
}

/** One stream, from its head to its trailers. */
export class UnaryExchange {
  readonly #chunks: Buffer[] = [];
  #length = 0;
  #handler: UnaryHandler | null = null;
  #headers: readonly HeaderField[] = [];
  /** When the request must be there as a whole; from then on, when the client stops waiting. */
  #untilMs: number;
  #clientUntilMs = Number.POSITIVE_INFINITY;
  #complete = false;
  /** Of the answer: what is not sent yet. */
  #left: Buffer = NOTHING;
  /** Of a request that is not gRPC. */
  #plainAnswer: PlainAnswer | null = null;

  constructor(
    private readonly connection: HboneConnection,
    private readonly stream: HboneStream,
    private readonly options: UnaryMethods,
    nowMs: number,
  ) {
    this.#untilMs = nowMs + REQUEST_MS;
  }

  /**
   * Judges the head. What is refused as gRPC is answered at once and the rest of it is not read; who does not speak gRPC is
   * answered after the body, because simple clients take an answer in the middle of it for a failure.
   */
  begin({ method, path, headers }: HboneRequest, nowMs: number): void {
    this.#headers = headers;
    if (method !== 'POST') {
      this.#plainAnswer = { httpStatus: 405, fields: [['allow', 'POST']] };
      return;
    }
    if (!isGrpcContent(this.#header('content-type') ?? '')) {
      this.#plainAnswer = { httpStatus: 415, fields: [] };
      return;
    }
    const timeout = this.#header('grpc-timeout');
    const ms = timeout === undefined ? Number.POSITIVE_INFINITY : timeoutMs(timeout);
    this.#handler = Object.hasOwn(this.options.methods, path) ? this.options.methods[path]! : null;
    if (ms === null) this.#refuse({ code: status.INTERNAL, message: 'grpc-timeout is malformed' });
    else if ((this.#header('grpc-encoding') ?? 'identity') !== 'identity') this.#refuse(compressed());
    else if (this.#handler === null)
      this.#refuse({ code: status.UNIMPLEMENTED, message: `there is no method ${path}` });
    else this.#clientUntilMs = nowMs + ms;
  }

  /** Copies: the bytes are the connection's. */
  data(bytes: Buffer, start: number, end: number): void {
    const { largestRequestBytes } = this.options;
    this.connection.consumed(this.stream, end - start);
    this.#length += end - start;
    if (this.#plainAnswer !== null) {
      if (this.#length > largestRequestBytes) this.#plain(this.#plainAnswer);
    } else if (this.#length <= largestRequestBytes + PREFIX_BYTES)
      this.#chunks.push(Buffer.from(bytes.subarray(start, end)));
    else this.#message(); // it says what is wrong
  }

  end(peer: GrpcPeer): void {
    this.#complete = true;
    if (this.#plainAnswer !== null) {
      this.#plain(this.#plainAnswer);
      return;
    }
    const message = this.#message();
    const handler = this.#handler;
    if (message === null || handler === null) return;
    handler({ message, header: (name) => this.#header(name), peer }).then(
      (answer) => (answer.ok ? this.#respond(answer.value) : this.#refuse(answer.error)),
      (thrown: unknown) => {
        this.options.onHandlerFailure(toError(thrown));
        this.#refuse({ code: status.INTERNAL, message: 'internal error' });
      },
    );
  }

  /** Sends what there is room for. */
  writable(): void {
    while (this.#left.length > 0) {
      const { offset, length } = this.connection.reserve(this.stream);
      if (length === 0) return;
      const n = this.#left.copy(this.connection.out.bytes, offset, 0, Math.min(length, this.#left.length));
      this.connection.commit(this.stream, n);
      this.#left = this.#left.subarray(n);
    }
    this.connection.trailers(this.stream, OK_TRAILERS);
  }

  /** To be called now and then: ends what is overdue. */
  tick(nowMs: number): void {
    if (nowMs >= this.#clientUntilMs)
      this.#refuse({ code: status.DEADLINE_EXCEEDED, message: 'the deadline of the request has passed' });
    else if (!this.#complete && nowMs >= this.#untilMs) this.connection.reset(this.stream, Http2Code.CANCEL);
  }

  #message(): Buffer | null {
    const bytes = this.#chunks.length === 1 ? this.#chunks[0]! : Buffer.concat(this.#chunks);
    const message = readUnaryMessage(bytes, this.#length, this.options.largestRequestBytes);
    if (message.ok) return message.value;
    this.#refuse(message.error);
    return null;
  }

  #respond(message: Uint8Array): void {
    if (this.stream.localEnded) return;
    this.connection.respond(this.stream, 200, ANSWER);
    const { offset, length } = this.connection.reserve(this.stream);
    const n = PREFIX_BYTES + message.length;
    if (length < n) {
      this.#left = unaryFrame(message);
      this.writable();
      return;
    }
    const { bytes } = this.connection.out;
    writePrefix(bytes, offset, message.length);
    bytes.set(message, offset + PREFIX_BYTES);
    this.connection.commit(this.stream, n);
    this.connection.trailers(this.stream, OK_TRAILERS);
  }

  /** Trailers-Only. An answer that has begun cannot be taken back: its stream is reset. */
  #refuse(refusal: GrpcRefusal): void {
    if (this.#left.length > 0) this.connection.reset(this.stream, Http2Code.CANCEL);
    else this.#last(200, [CONTENT_TYPE, ...refusalFields(refusal)]);
  }

  #plain({ httpStatus, fields }: PlainAnswer): void {
    this.#last(httpStatus, [['content-length', '0'], ...fields]);
  }

  #last(httpStatus: number, fields: readonly HeaderField[]): void {
    if (this.stream.localEnded) return;
    this.#handler = null;
    this.connection.respond(this.stream, httpStatus, fields, true);
    if (!this.stream.remoteEnded) this.connection.reset(this.stream, Http2Code.NO_ERROR);
  }

  #header(name: string): string | undefined {
    let value: string | undefined;
    for (const field of this.#headers)
      if (field[0] === name) value = value === undefined ? field[1] : `${value}, ${field[1]}`;
    return value;
  }
}
