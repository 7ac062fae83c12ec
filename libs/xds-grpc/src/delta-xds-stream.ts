import { status, type ServerDuplexStream } from '@grpc/grpc-js';
import type { Clock } from '@weft/result';
import type { DeltaPush, DeltaServerSession, Nack } from '@weft/xds';
import type { DeltaDiscoveryRequest } from '@weft/xds/gen/envoy/service/discovery/v3/discovery.js';
import type { XdsCaller, XdsClientState } from './delta-xds-server.js';

/** Responses go as encoded bytes. */
export type DeltaCall = ServerDuplexStream<DeltaDiscoveryRequest, Buffer>;

export interface DeltaXdsStreamOptions {
  readonly call: DeltaCall;
  readonly caller: XdsCaller;
  readonly clock: Clock;
  readonly open: (onNack: (nack: Nack) => void) => DeltaServerSession;
  readonly encode: (push: DeltaPush) => Buffer;
  readonly onNack: (node: string, nack: Nack) => void;
  /** Once, however the stream ended. */
  readonly onClosed: (session: DeltaServerSession) => void;
}

/** One client: brings requests to its session and pushes to the wire, no faster than the client reads. */
export class DeltaXdsStream {
  readonly #session: DeltaServerSession;
  readonly #connectedAt: string;
  #node = '';
  #blocked = false;
  #closed = false;

  constructor(private readonly options: DeltaXdsStreamOptions) {
    const { call, clock } = options;
    this.#connectedAt = new Date(clock.now()).toISOString();
    this.#session = options.open((nack) => options.onNack(this.#node, nack));
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
    if (this.#closed || this.#blocked) return;
    this.#write(this.#session.poll(this.options.clock.now()));
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
      watches: this.#session.states(),
    };
  }

  #receive(request: DeltaDiscoveryRequest): void {
    if (this.#closed) return;
    if (this.#node === '') {
      this.#node = request.node?.id ?? '';
      if (this.#node === '') {
        this.end(status.INVALID_ARGUMENT, 'the first request has no node.id');
        return;
      }
    }
    this.#write(this.#session.receive(request, this.options.clock.now()));
  }

  #write(pushes: readonly DeltaPush[]): void {
    for (const push of pushes) if (!this.options.call.write(this.options.encode(push))) this.#blocked = true;
  }

  #close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.options.onClosed(this.#session);
  }
}
