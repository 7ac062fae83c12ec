import { Client, connectivityState, status, type ClientDuplexStream, type ServiceError } from '@grpc/grpc-js';
import { toError, type Clock } from '@weft/result';
import type { Service } from '@weft/runtime';
import {
  DeltaClientReconnect,
  encodeFirstRequest,
  readDeltaResponse,
  type DeltaClient,
  type FirstRequest,
  type StreamEnd,
  type TerminationReason,
} from '@weft/xds';
import { DeltaDiscoveryRequest } from '@weft/xds/gen/envoy/service/discovery/v3/discovery.js';
import type { MeshEndpoint } from './mesh-endpoint.js';
import { StepQueue, type Steps } from './step-queue.js';

const PATH = '/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources';

type Stream = ClientDuplexStream<DeltaDiscoveryRequest | Buffer, Buffer>;

export interface DeltaXdsClientOptions {
  readonly endpoint: MeshEndpoint;
  readonly client: DeltaClient;
  readonly clock: Clock;
  readonly log: { info(fields: object, message: string): void; warn(fields: object, message: string): void };
  readonly random?: () => number;
  readonly connectTimeoutMs?: number;
  readonly onTermination?: (reason: TerminationReason) => void;
  readonly onMessage?: (typeUrl: string, bytes: number) => void;
}

/**
 * Keeps one delta ADS stream open for a `DeltaClient`: each attempt uses a new channel (roots and token read again), and
 * what the engine holds outlives them all. `start` does not wait for the server, so a process starts without one. Large
 * messages are written and applied in steps, between which the event loop turns.
 */
export class DeltaXdsClient implements Service {
  readonly name = 'xDS client';
  readonly #reconnect: DeltaClientReconnect;
  #channel: Client | null = null;
  #stream: Stream | null = null;
  /** Of the stream. */
  #steps = new StepQueue();
  #cancelTimer: (() => void) | null = null;
  #stopped = false;
  /** Failed attempts since the last good response: only the first of a row is a warning. */
  #failures = 0;

  constructor(private readonly options: DeltaXdsClientOptions) {
    this.#reconnect = new DeltaClientReconnect(options.random);
  }

  start(): Promise<void> {
    this.#attempt();
    return Promise.resolve();
  }

  stop(): Promise<void> {
    this.#stopped = true;
    this.#cancelTimer?.();
    this.#stream?.cancel();
    this.#drop();
    return Promise.resolve();
  }

  get connected(): boolean {
    return this.#stream !== null;
  }

  subscribe(typeUrl: string, names: readonly string[]): void {
    this.#send(this.options.client.subscribe(typeUrl, names));
  }

  unsubscribe(typeUrl: string, names: readonly string[]): void {
    this.#send(this.options.client.unsubscribe(typeUrl, names));
  }

  #attempt(): void {
    const { endpoint, clock, connectTimeoutMs = 5000 } = this.options;
    try {
      const channel = new Client(endpoint.target, endpoint.credentials(), endpoint.channelOptions());
      this.#channel = channel;
      this.#cancelTimer = clock.after(connectTimeoutMs, () => this.#ended({ kind: 'connect-failed' }, 'timed out'));
      this.#awaitReady(channel);
    } catch (thrown) {
      this.#ended({ kind: 'connect-failed' }, toError(thrown).message);
    }
  }

  /** `Client.waitForReady` would sit out its whole deadline after a refused connection, and keep its timer after `close`. */
  #awaitReady(channel: Client): void {
    const look = (): void => {
      if (this.#stopped || this.#channel !== channel) return;
      const state = channel.getChannel().getConnectivityState(true);
      if (state === connectivityState.TRANSIENT_FAILURE) {
        this.#ended({ kind: 'connect-failed' }, 'connection refused, or the TLS handshake failed');
      } else if (state === connectivityState.READY) {
        this.#cancelTimer?.();
        this.#open(channel);
      } else {
        channel.getChannel().watchConnectivityState(state, Infinity, look);
      }
    };
    look();
  }

  #open(channel: Client): void {
    const { client, endpoint } = this.options;
    let stream: Stream;
    try {
      stream = channel.makeBidiStreamRequest(
        PATH,
        (request: DeltaDiscoveryRequest | Buffer) =>
          Buffer.isBuffer(request) ? request : Buffer.from(DeltaDiscoveryRequest.encode(request).finish()),
        (bytes: Buffer) => bytes,
        endpoint.metadata(),
      );
    } catch (thrown) {
      this.#ended({ kind: 'connect-failed' }, toError(thrown).message);
      return;
    }
    this.#stream = stream;
    this.#steps = new StepQueue();
    stream.on('error', (error: Partial<ServiceError>) => {
      const message = error.details ?? error.message ?? '';
      if (this.#stream === stream) this.#ended({ kind: 'error', code: error.code ?? 2, message }, message);
    });
    stream.on('end', () => {
      if (this.#stream === stream) this.#ended({ kind: 'complete' }, 'the server ended the stream');
    });
    stream.on('data', (bytes: Buffer) => {
      if (this.#stream === stream) this.#steps.add(this.#receive(stream, bytes));
    });
    for (const first of client.connected()) this.#steps.add(writeFirst(stream, first));
  }

  *#receive(stream: Stream, bytes: Buffer): Steps {
    const { client, onMessage } = this.options;
    stream.pause();
    try {
      const response = yield* readDeltaResponse(bytes);
      onMessage?.(response.typeUrl, bytes.length);
      stream.write(yield* client.receiveInSteps(response));
      this.#healthy();
      stream.resume();
    } catch (thrown) {
      const { message } = toError(thrown);
      stream.cancel();
      this.#ended({ kind: 'error', code: status.INTERNAL, message }, `unreadable response: ${message}`);
    }
  }

  #healthy(): void {
    this.#reconnect.healthy();
    if (this.#failures > 0)
      this.options.log.info({ server: this.options.endpoint.target, attempts: this.#failures }, 'xDS server is back');
    this.#failures = 0;
  }

  #ended(end: StreamEnd, detail: string): void {
    if (this.#stopped) return;
    this.#cancelTimer?.();
    this.#drop();
    const { delayMs, reason } = this.#reconnect.ended(end);
    this.options.onTermination?.(reason);
    const fields = { server: this.options.endpoint.target, reason, error: detail };
    if (this.#failures++ === 0)
      this.options.log.warn(fields, 'xDS stream ended; what is known stays in use while it is retried');
    this.#cancelTimer = this.options.clock.after(delayMs, () => this.#attempt());
  }

  #drop(): void {
    if (this.#stream !== null) this.options.client.disconnected();
    this.#steps.stop();
    this.#stream = null;
    this.#channel?.close();
    this.#channel = null;
  }

  #send(request: DeltaDiscoveryRequest | null): void {
    const stream = this.#stream;
    if (request !== null && stream !== null) this.#steps.add(write(stream, request));
  }
}

function* write(stream: Stream, request: DeltaDiscoveryRequest): Steps {
  stream.write(request);
}

function* writeFirst(stream: Stream, first: FirstRequest): Steps {
  stream.write(yield* encodeFirstRequest(first));
}
