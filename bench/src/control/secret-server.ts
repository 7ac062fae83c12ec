import { Server, ServerCredentials, type ServiceDefinition } from '@grpc/grpc-js';
import { ok } from '@weft/result';
import { systemClock } from '@weft/runtime';
import { DeltaServer, encodeDeltaPush, makeXdsResource, SECRET_TYPE_URL, type DeltaPush } from '@weft/xds';
import { XdsStream, type XdsCall } from '@weft/xds-grpc';
import { Secret } from '@weft/xds/gen/envoy/extensions/transport_sockets/tls/v3/secret.js';
import type { DeltaDiscoveryRequest } from '@weft/xds/gen/envoy/service/discovery/v3/discovery.js';
import { SecretDiscoveryServiceService } from '@weft/xds/gen/envoy/service/secret/v3/sds.js';

export interface SecretServerOptions {
  readonly certificateChainPem: string;
  readonly privateKeyPem: string;
  readonly rootPem: string;
}

const SERVICE: ServiceDefinition = {
  deltaSecrets: { ...SecretDiscoveryServiceService.deltaSecrets, responseSerialize: (bytes: Buffer): Buffer => bytes },
};

/** Gives an Envoy its certificate, as the agent beside it would; without one it starts nothing. */
export class SecretServer {
  private constructor(
    private readonly server: Server,
    readonly port: number,
  ) {}

  static async start(options: SecretServerOptions): Promise<SecretServer> {
    const engine = new DeltaServer([SECRET_TYPE_URL]);
    engine.apply(SECRET_TYPE_URL, { upserts: secrets(options).map(resourceOf), removals: [] });
    const server = new Server();
    server.addService(SERVICE, {
      deltaSecrets: (call: XdsCall<DeltaDiscoveryRequest>): void => {
        new XdsStream<DeltaDiscoveryRequest, DeltaPush>({
          ...{ call, caller: { name: 'envoy' }, protocol: 'delta', clock: systemClock, encode: encodeDeltaPush },
          open: (_node, onNack) => {
            const session = engine.open(onNack);
            return ok({ session, close: () => engine.close(session) });
          },
          onNack: () => undefined,
          onClosed: () => undefined,
        });
      },
    });
    const port = await new Promise<number>((resolve, reject) =>
      server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (failure, bound) =>
        failure === null ? resolve(bound) : reject(failure),
      ),
    );
    return new SecretServer(server, port);
  }

  stop(): void {
    this.server.forceShutdown();
  }
}

function secrets({ certificateChainPem, privateKeyPem, rootPem }: SecretServerOptions): readonly Secret[] {
  const inline = (text: string) => ({ specifier: { $case: 'inlineString' as const, value: text } });
  const own = { certificateChain: inline(certificateChainPem), privateKey: inline(privateKeyPem) };
  return [
    Secret.fromPartial({ name: 'default', type: { $case: 'tlsCertificate', value: own } }),
    Secret.fromPartial({ name: 'ROOTCA', type: { $case: 'validationContext', value: { trustedCa: inline(rootPem) } } }),
  ];
}

const resourceOf = (secret: Secret) =>
  makeXdsResource({ name: secret.name, typeUrl: SECRET_TYPE_URL, body: Secret.encode(secret).finish() });
