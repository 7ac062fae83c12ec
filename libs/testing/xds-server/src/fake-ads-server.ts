import { Server, ServerCredentials, type Metadata, type ServerDuplexStream } from '@grpc/grpc-js';
import { AggregatedDiscoveryServiceService } from '@weft/xds/gen/envoy/service/discovery/v3/ads.js';
import {
  DeltaDiscoveryResponse,
  type DeltaDiscoveryRequest,
} from '@weft/xds/gen/envoy/service/discovery/v3/discovery.js';

type Call = ServerDuplexStream<DeltaDiscoveryRequest, DeltaDiscoveryResponse>;

export interface FakeStream {
  readonly metadata: Metadata;
  readonly requests: DeltaDiscoveryRequest[];
  send(typeUrl: string, resources: readonly FakeResource[], removed?: readonly string[]): void;
  end(): void;
}

export interface FakeResource {
  readonly name: string;
  readonly version: string;
  readonly body: Uint8Array;
}

/** An ADS server under a test's hand: it records what clients say and sends what the test tells it to. */
export class FakeAdsServer {
  readonly streams: FakeStream[] = [];
  port = 0;
  #server: Server | null = null;
  #nonce = 0;
  #changed: (() => void)[] = [];

  async listen(credentials: ServerCredentials = ServerCredentials.createInsecure(), port = 0): Promise<void> {
    const server = new Server();
    server.addService(AggregatedDiscoveryServiceService, {
      deltaAggregatedResources: (call: Call) => this.#serve(call),
    });
    this.port = await new Promise<number>((resolve, reject) => {
      server.bindAsync(`127.0.0.1:${port}`, credentials, (error, bound) =>
        error === null ? resolve(bound) : reject(error),
      );
    });
    this.#server = server;
  }

  close(): void {
    this.#server?.forceShutdown();
    this.#server = null;
  }

  /** Resolves when `condition` holds; it is looked at after everything a client does. Rejects after 20 s. */
  async until(condition: () => boolean): Promise<void> {
    const deadline = AbortSignal.timeout(20_000);
    while (!condition()) {
      await new Promise<void>((resolve, reject) => {
        this.#changed.push(resolve);
        deadline.addEventListener('abort', () => reject(new Error(`never happened: ${condition.toString()}`)), {
          once: true,
        });
      });
    }
  }

  #serve(call: Call): void {
    const stream: FakeStream = {
      metadata: call.metadata,
      requests: [],
      send: (typeUrl, resources, removed = []) =>
        void call.write(
          DeltaDiscoveryResponse.fromPartial({
            typeUrl,
            nonce: `nonce-${++this.#nonce}`,
            resources: resources.map(({ name, version, body }) => ({
              name,
              version,
              resource: { typeUrl, value: Buffer.from(body) },
            })),
            removedResources: [...removed],
          }),
        ),
      end: () => call.end(),
    };
    this.streams.push(stream);
    call.on('error', () => undefined);
    call.on('data', (request: DeltaDiscoveryRequest) => {
      stream.requests.push(request);
      this.#wake();
    });
    call.on('end', () => call.end());
    this.#wake();
  }

  #wake(): void {
    for (const resolve of this.#changed.splice(0)) resolve();
  }
}
