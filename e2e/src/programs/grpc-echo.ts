// A gRPC server that answers with its name, and a client of it that routes by itself. Started in pods.
//
//   grpc-echo serve <name> <port>
//   grpc-echo ask <target> <calls> [method] [header=value]...    prints how often each server, or which failure, answered
import { existsSync } from 'node:fs';
import {
  credentials,
  makeGenericClientConstructor,
  Metadata,
  Server,
  ServerCredentials,
  status,
  type ServiceDefinition,
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
const SERVICE: ServiceDefinition = { Who: method('Who'), Other: method('Other') };

function serve(name: string, port: string): void {
  const server = new Server();
  const answer = (_call: unknown, reply: (error: null, bytes: Buffer) => void): void => reply(null, Buffer.from(name));
  server.addService(SERVICE, { Who: answer, Other: answer });
  server.bindAsync(`0.0.0.0:${port}`, ServerCredentials.createInsecure(), (failure) => {
    if (failure !== null) throw failure;
    process.stdout.write('listening\n');
  });
}

async function ask(target: string, calls: number, name = 'Who', headers: readonly string[] = []): Promise<void> {
  const bootstrap = process.env['GRPC_XDS_BOOTSTRAP'] ?? '';
  while (!existsSync(bootstrap)) await new Promise((resolve) => setTimeout(resolve, 100));
  const { register } = await import('@grpc/grpc-js-xds');
  register();
  const Client = makeGenericClientConstructor(SERVICE, 'test.Echo');
  const client = new Client(target, credentials.createInsecure());
  const metadata = new Metadata();
  for (const header of headers) metadata.set(...(header.split('=') as [string, string]));
  const seen: Record<string, number> = {};
  for (let i = 0; i < calls; i++) {
    const deadline = Date.now() + 10_000;
    const who = await new Promise<string>((resolve) =>
      client.makeUnaryRequest(
        `/test.Echo/${name}`,
        asIs,
        asIs,
        Buffer.alloc(0),
        metadata,
        { deadline },
        (error, bytes?: Buffer) => resolve(error === null ? String(bytes) : `${status[error.code]}: ${error.details}`),
      ),
    );
    seen[who] = (seen[who] ?? 0) + 1;
  }
  process.stdout.write(`${JSON.stringify(seen)}\n`);
  process.exit(0);
}

const [mode, first = '', second = '', third, ...rest] = process.argv.slice(2);
if (mode === 'serve') serve(first, second);
else void ask(first, Number(second), third, rest);
