import { status, type ServerDuplexStream } from '@grpc/grpc-js';
import type { Clock, Result } from '@weft/result';
import type { DeltaPush, DeltaServerSession, Nack } from '@weft/xds';
import type { DeltaDiscoveryRequest } from '@weft/xds/gen/envoy/service/discovery/v3/discovery.js';
import type { Node } from '@weft/xds/gen/envoy/config/core/v3/base.js';
import type { XdsCaller, XdsClientState, XdsRefusal } from './delta-xds-server.js';

/** Responses go as encoded bytes. */
export type DeltaCall = ServerDuplexStream<DeltaDiscoveryRequest, Buffer>;

export interface DeltaXdsStreamOptions {
  readonly call: DeltaCall;
  readonly caller: XdsCaller;
  readonly clock: Clock;
  /** With the first request, which says who the client is. */
  readonly open: (node: Node, onNack: (nack: Nack) => void) => Result<OpenSession, XdsRefusal>;
  readonly encode: (push: DeltaPush) => Buffer;
  readonly onNack: (node: string, nack: Nack) => void;
  /** Once, however the stream ended. */
  readonly onClosed: () => void;
}

export interface OpenSession {
  readonly session: DeltaServerSession;
  readonly close: () => void;
}

/** One client: brings requests to its session and pushes to the wire, no faster than the client reads. */
export class DeltaXdsStream {
  #open: OpenSession | null = null;
  readonly #connectedAt: string;
  #node = '';
  #blocked = false;
  #closed = false;

  constructor(private readonly options: DeltaXdsStreamOptions) {
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
      this.push();
    });
    call.on('data', (request: DeltaDiscoveryRequest) => this.#receive(request));
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
    return {
      node: this.#node,
      caller: this.options.caller.name,
      peer: this.options.call.getPeer(),
      connectedAt: this.#connectedAt,
      watches: this.#open?.session.states() ?? [],
    };
  }

  #receive(request: DeltaDiscoveryRequest): void {
    if (this.#closed) return;
    this.#open ??= this.#begin(request);
    if (this.#open === null) return;
    this.#write(this.#open.session.receive(request, this.options.clock.now()));
  }

  /** Null: the client was sent away. */
  #begin({ node }: DeltaDiscoveryRequest): OpenSession | null {
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

  #write(pushes: readonly DeltaPush[]): void {
    for (const push of pushes) if (!this.options.call.write(this.options.encode(push))) this.#blocked = true;
  }

  #close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#open?.close();
    this.options.onClosed();
  }
}
