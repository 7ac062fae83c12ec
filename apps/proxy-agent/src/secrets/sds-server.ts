import { Server, ServerCredentials, type ServiceDefinition } from '@grpc/grpc-js';
import { ok, type Clock } from '@weft/result';
import type { Service } from '@weft/runtime';
import { DeltaServer, encodeDeltaPush, SECRET_TYPE_URL, type DeltaPush, type XdsResource } from '@weft/xds';
import { XdsStream, type XdsCall } from '@weft/xds-grpc';
import type { DeltaDiscoveryRequest } from '@weft/xds/gen/envoy/service/discovery/v3/discovery.js';
import { SecretDiscoveryServiceService } from '@weft/xds/gen/envoy/service/secret/v3/sds.js';
import { listenOnSocket } from './listen-on-socket.js';

export interface SdsServerOptions {
  /** Path of the unix socket. Whoever can open it gets the key: it lies in a folder of this container alone. */
  readonly path: string;
  readonly clock: Clock;
  readonly log: { warn(fields: object, message: string): void };
}

const SERVICE: ServiceDefinition = {
  deltaSecrets: { ...SecretDiscoveryServiceService.deltaSecrets, responseSerialize: (bytes: Buffer): Buffer => bytes },
};

/** Serves the certificate and the roots to Envoy, and pushes each renewal; connections in use stay. */
export class SdsServer implements Service {
  readonly name = 'SDS server';
  readonly #server = new Server();
  readonly #engine = new DeltaServer([SECRET_TYPE_URL]);
  readonly #streams = new Set<XdsStream<DeltaDiscoveryRequest, DeltaPush>>();

  constructor(private readonly options: SdsServerOptions) {
    this.#server.addService(SERVICE, { deltaSecrets: (call: XdsCall<DeltaDiscoveryRequest>) => this.#serve(call) });
  }

  start(): Promise<void> {
    return listenOnSocket(this.#server, this.options.path, ServerCredentials.createInsecure());
  }

  stop(): Promise<void> {
    this.#server.forceShutdown();
    return Promise.resolve();
  }

  publish(secrets: readonly XdsResource[]): void {
    this.#engine.apply(SECRET_TYPE_URL, { upserts: secrets, removals: [] });
    for (const stream of this.#streams) stream.push();
  }

  #serve(call: XdsCall<DeltaDiscoveryRequest>): void {
    call.on('error', () => undefined);
    const stream = new XdsStream<DeltaDiscoveryRequest, DeltaPush>({
      call,
      caller: { name: 'envoy' },
      protocol: 'delta',
      clock: this.options.clock,
      open: (_node, onNack) => {
        const session = this.#engine.open(onNack);
        return ok({ session, close: () => this.#engine.close(session) });
      },
      encode: encodeDeltaPush,
      onNack: (_node, { message }) => this.options.log.warn({ reason: message }, 'Envoy rejected its certificate'),
      onClosed: () => this.#streams.delete(stream),
    });
    this.#streams.add(stream);
  }
}
