import { status, type ServerDuplexStream } from '@grpc/grpc-js';
import type { Clock, Result } from '@weft/result';
import type { Nack, WatchState } from '@weft/xds';
import type { Node } from '@weft/xds/gen/envoy/config/core/v3/base.js';
import type { XdsCaller, XdsClientState, XdsProtocol, XdsRefusal } from './xds-server.js';

/** Who the client is comes with its first request. */
export interface XdsRequest {
  readonly node?: Node | undefined;
}

/** Responses go as encoded bytes. */
export type XdsCall<Request extends XdsRequest> = ServerDuplexStream<Request, Buffer>;

/** The server half of one of the protocols. */
export interface XdsSession<Request, Push> {
  receive(request: Request, nowMs: number): readonly Push[];
  poll(nowMs: number): readonly Push[];
  states(): readonly WatchState[];
}

export interface OpenSession<Request, Push> {
  readonly session: XdsSession<Request, Push>;
  readonly close: () => void;
}

export interface XdsStreamOptions<Request extends XdsRequest, Push> {
  readonly call: XdsCall<Request>;
  readonly caller: XdsCaller;
  readonly protocol: XdsProtocol;
  readonly clock: Clock;
  /** With the first request. */
  readonly open: (node: Node, onNack: (nack: Nack) => void) => Result<OpenSession<Request, Push>, XdsRefusal>;
  readonly encode: (push: Push) => Buffer;
  readonly onNack: (node: string, nack: Nack) => void;
  /** Once, however the stream ended. */
  readonly onClosed: () => void;
}

/**
 * One client: brings requests to its session and pushes to the wire, no faster than the client reads. While it does not read,
 * nothing is encoded for it and nothing is read from it, so that it costs no more memory than what was written last.
 */
export class XdsStream<Request extends XdsRequest, Push> {
  #open: OpenSession<Request, Push> | null = null;
  readonly #connectedAt: string;
  #node = '';
  #blocked = false;
  #closed = false;

  constructor(private readonly options: XdsStreamOptions<Request, Push>) {
    const { call, clock } = options;
    this.#connectedAt = new Date(clock.now()).toISOString();
    call.on('error', () => this.#close());
    call.on('close', () => this.#close());
    call.on('cancelled', () => this.#close());
    call.on('end', () => {
      this.#close();
      call.end();
    });
    call.on('drain', () => {
      this.#blocked = false;
      call.resume();
      this.push();
    });
    call.on('data', (request: Request) => this.#receive(request));
  }

  push(): void {
    if (this.#closed || this.#blocked || this.#open === null) return;
    this.#write(this.#open.session.poll(this.options.clock.now()));
  }

  end(code: status, details: string): void {
    if (this.#closed) return;
    this.options.call.emit('error', { code, details });
    this.#close();
  }

  state(): XdsClientState {
    const { caller, call, protocol } = this.options;
    return {
      node: this.#node,
      caller: caller.name,
      protocol,
      peer: call.getPeer(),
      connectedAt: this.#connectedAt,
      slow: this.#blocked,
      watches: this.#open?.session.states() ?? [],
    };
  }

  #receive(request: Request): void {
    if (this.#closed) return;
    this.#open ??= this.#begin(request);
    if (this.#open === null) return;
    this.#write(this.#open.session.receive(request, this.options.clock.now()));
  }

  /** Null: the client was sent away. */
  #begin({ node }: Request): OpenSession<Request, Push> | null {
    if (node === undefined || node.id === '') {
      this.end(status.INVALID_ARGUMENT, 'the first request has no node.id');
      return null;
    }
    this.#node = node.id;
    const opened = this.options.open(node, (nack) => this.options.onNack(this.#node, nack));
    if (opened.ok) return opened.value;
    this.end(opened.error.code, opened.error.message);
    return null;
  }

  #write(pushes: readonly Push[]): void {
    const { call, encode } = this.options;
    for (const push of pushes) if (!call.write(encode(push))) this.#blocked = true;
    if (this.#blocked) call.pause();
  }

  #close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#open?.close();
    this.options.onClosed();
  }
}
