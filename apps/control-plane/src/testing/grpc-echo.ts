import {
  credentials,
  makeGenericClientConstructor,
  Metadata,
  Server,
  ServerCredentials,
  status,
  type ChannelOptions,
  type ServiceDefinition,
  type ServiceError,
} from '@grpc/grpc-js';

const asIs = (bytes: Buffer): Buffer => bytes;
const method = (name: string) => ({
  path: `/test.Echo/${name}`,
  requestStream: false as const,
  responseStream: false as const,
  requestSerialize: asIs,
  requestDeserialize: asIs,
  responseSerialize: asIs,
  responseDeserialize: asIs,
});
const SERVICE: ServiceDefinition = { Who: method('Who'), Other: method('Other'), Flaky: method('Flaky') };
const CALL_DEADLINE_MS = 15_000;

/** Answers with its name; `Flaky` only when it was asked as often before. */
export class EchoServer {
  calls = 0;
  #failures = 0;
  private constructor(
    private readonly server: Server,
    readonly port: number,
  ) {}

  /** @param port 0 for any */
  static async start(name: string, address: string, port: number): Promise<EchoServer> {
    const server = new Server();
    const answer: { echo?: EchoServer } = {};
    type Reply = (error: { code: status; details: string } | null, bytes?: Buffer) => void;
    const who = (_call: unknown, reply: Reply): void => {
      answer.echo!.calls++;
      reply(null, Buffer.from(name));
    };
    const flaky = (_call: unknown, reply: Reply): void => {
      if (answer.echo!.#failures++ % 2 === 0) reply({ code: status.UNAVAILABLE, details: 'not now' });
      else reply(null, Buffer.from(name));
    };
    server.addService(SERVICE, { Who: who, Other: who, Flaky: flaky });
    const bound = await new Promise<number>((resolve, reject) =>
      server.bindAsync(`${address}:${port}`, ServerCredentials.createInsecure(), (failure, at) =>
        failure === null ? resolve(at) : reject(failure),
      ),
    );
    return (answer.echo = new EchoServer(server, bound));
  }

  stop(): void {
    this.server.forceShutdown();
  }
}

/** A client of `EchoServer`. */
export class EchoClient {
  readonly #client: InstanceType<ReturnType<typeof makeGenericClientConstructor>>;

  constructor(target: string, options: ChannelOptions) {
    const Constructor = makeGenericClientConstructor(SERVICE, 'test.Echo');
    this.#client = new Constructor(target, credentials.createInsecure(), options);
  }

  /** The name of the server, or the code of the failure. */
  call(name: 'Who' | 'Other' | 'Flaky' = 'Who', headers: Readonly<Record<string, string>> = {}): Promise<string> {
    const metadata = new Metadata();
    for (const [key, value] of Object.entries(headers)) metadata.set(key, value);
    return new Promise((resolve) =>
      this.#client.makeUnaryRequest(
        `/test.Echo/${name}`,
        asIs,
        asIs,
        Buffer.alloc(0),
        metadata,
        { deadline: Date.now() + CALL_DEADLINE_MS },
        (error: ServiceError | null, bytes?: Buffer) =>
          resolve(error === null ? (bytes?.toString() ?? '') : status[error.code]),
      ),
    );
  }

  /** How often each server answered. */
  async count(calls: number): Promise<Readonly<Record<string, number>>> {
    const seen: Record<string, number> = {};
    for (let i = 0; i < calls; i++) {
      const name = await this.call();
      seen[name] = (seen[name] ?? 0) + 1;
    }
    return seen;
  }

  close(): void {
    this.#client.close();
  }
}
