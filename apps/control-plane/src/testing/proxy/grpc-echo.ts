import {
  Client,
  credentials,
  Metadata,
  Server,
  ServerCredentials,
  type sendUnaryData,
  type ServerUnaryCall,
  type ServiceDefinition,
  type ServiceError,
} from '@grpc/grpc-js';
import type { Place } from './http-client.js';
import type { Identity } from './secret-server.js';

const DEADLINE_MS = 5000;
const METHODS = { 'test.Echo': ['Say', 'Shout'], 'test.Other': ['Say'] } as const;

const identity = (bytes: Buffer): Buffer => bytes;
const unary = (path: string) => ({
  path,
  requestStream: false,
  responseStream: false,
  requestSerialize: identity,
  requestDeserialize: identity,
  responseSerialize: identity,
  responseDeserialize: identity,
});

/** A real gRPC server; each call is answered with the name of the server and what came with the call. */
export class GrpcEcho {
  readonly #server = new Server();

  constructor(
    name: string,
    /** With TLS, if given. */
    private readonly certificate?: Identity,
  ) {
    for (const [service, methods] of Object.entries(METHODS)) {
      const definition: ServiceDefinition = Object.fromEntries(
        methods.map((method) => [method, unary(`/${service}/${method}`)]),
      );
      const answer = (call: ServerUnaryCall<Buffer, Buffer>, done: sendUnaryData<Buffer>): void => {
        const seen = Object.fromEntries(
          Object.keys(call.metadata.getMap()).map((key) => [
            key,
            call.metadata.get(key).join(',').replaceAll(', ', ','),
          ]),
        );
        const back = new Metadata();
        back.set('x-from', name);
        call.sendMetadata(back);
        done(null, Buffer.from(JSON.stringify({ server: name, path: call.getPath(), seen })));
      };
      this.#server.addService(definition, Object.fromEntries(methods.map((method) => [method, answer])));
    }
  }

  listen(host: string, port: number): Promise<void> {
    return new Promise((resolve, reject) =>
      this.#server.bindAsync(`${host}:${port}`, this.#credentials(), (failure) =>
        failure === null ? resolve() : reject(failure),
      ),
    );
  }

  close(): void {
    this.#server.forceShutdown();
  }

  #credentials(): ServerCredentials {
    if (this.certificate === undefined) return ServerCredentials.createInsecure();
    const { certPem, keyPem } = this.certificate;
    const pair = { cert_chain: Buffer.from(certPem), private_key: Buffer.from(keyPem) };
    return ServerCredentials.createSsl(null, [pair]);
  }
}

export interface GrpcAnswer {
  /** 0 is OK. */
  readonly code: number;
  /** Empty when no server answered. */
  readonly server: string;
  readonly path: string;
  readonly seen: Readonly<Record<string, string>>;
  /** Metadata that came back. */
  readonly headers: Readonly<Record<string, string>>;
}

/** Calls a method by `/<service>/<method>` with a real gRPC client; a header `:authority` is the host that it asks for. */
export async function callGrpc(
  { host, port }: Place,
  path: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<GrpcAnswer> {
  const { ':authority': authority, ...others } = headers;
  const options = authority === undefined ? {} : { 'grpc.default_authority': authority };
  const client = new Client(`${host}:${port}`, credentials.createInsecure(), options);
  const metadata = new Metadata();
  for (const [key, value] of Object.entries(others)) metadata.set(key, value);
  let back: Record<string, string> = {};
  try {
    return await new Promise<GrpcAnswer>((resolve) => {
      const deadline = Date.now() + DEADLINE_MS;
      const done = (failure: ServiceError | null, body?: Buffer): void => {
        const echo = body === undefined ? {} : (JSON.parse(body.toString()) as Partial<GrpcAnswer>);
        resolve({ code: failure?.code ?? 0, server: '', path: '', seen: {}, headers: back, ...echo });
      };
      const call = client.makeUnaryRequest(path, identity, identity, Buffer.alloc(0), metadata, { deadline }, done);
      call.on('metadata', (received: Metadata) => {
        back = Object.fromEntries(Object.keys(received.getMap()).map((key) => [key, received.get(key).join(',')]));
      });
    });
  } finally {
    client.close();
  }
}
