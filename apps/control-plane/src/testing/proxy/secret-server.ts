import { Server, ServerCredentials, type ServiceDefinition } from '@grpc/grpc-js';
import { ok } from '@weft/result';
import { systemClock } from '@weft/runtime';
import { DeltaServer, encodeDeltaPush, makeXdsResource, SECRET_TYPE_URL, type DeltaPush } from '@weft/xds';
import { XdsStream, type XdsCall } from '@weft/xds-grpc';
import type { DeltaDiscoveryRequest } from '@weft/xds/gen/envoy/service/discovery/v3/discovery.js';
import { Secret } from '@weft/xds/gen/envoy/extensions/transport_sockets/tls/v3/secret.js';
import { SecretDiscoveryServiceService } from '@weft/xds/gen/envoy/service/secret/v3/sds.js';

const SERVICE: ServiceDefinition = {
  deltaSecrets: { ...SecretDiscoveryServiceService.deltaSecrets, responseSerialize: (bytes: Buffer): Buffer => bytes },
};

export interface Identity {
  readonly certPem: string;
  readonly keyPem: string;
}

/** What the agent beside an Envoy is to it: the certificate, and the roots of the mesh. */
export class SecretServer {
  readonly #server = new Server();
  readonly #engine = new DeltaServer([SECRET_TYPE_URL]);

  constructor({ certPem, keyPem }: Identity, rootPem: string) {
    const inline = (text: string) => ({ specifier: { $case: 'inlineString' as const, value: text } });
    const secrets = [
      Secret.fromPartial({
        name: 'default',
        type: { $case: 'tlsCertificate', value: { certificateChain: inline(certPem), privateKey: inline(keyPem) } },
      }),
      Secret.fromPartial({
        name: 'ROOTCA',
        type: { $case: 'validationContext', value: { trustedCa: inline(rootPem) } },
      }),
    ];
    const upserts = secrets.map((secret) =>
      makeXdsResource({ name: secret.name, typeUrl: SECRET_TYPE_URL, body: Secret.encode(secret).finish() }),
    );
    this.#engine.apply(SECRET_TYPE_URL, { upserts, removals: [] });
    this.#server.addService(SERVICE, { deltaSecrets: (call: XdsCall<DeltaDiscoveryRequest>) => this.#serve(call) });
  }

  listen(host: string): Promise<number> {
    return new Promise((resolve, reject) =>
      this.#server.bindAsync(`${host}:0`, ServerCredentials.createInsecure(), (failure, port) =>
        failure === null ? resolve(port) : reject(failure),
      ),
    );
  }

  close(): void {
    this.#server.forceShutdown();
  }

  #serve(call: XdsCall<DeltaDiscoveryRequest>): void {
    call.on('error', () => undefined);
    new XdsStream<DeltaDiscoveryRequest, DeltaPush>({
      call,
      caller: { name: 'envoy' },
      protocol: 'delta',
      clock: systemClock,
      open: (_node, onNack) => {
        const session = this.#engine.open(onNack);
        return ok({ session, close: () => this.#engine.close(session) });
      },
      encode: encodeDeltaPush,
      onNack: () => undefined,
      onClosed: () => undefined,
    });
  }
}
