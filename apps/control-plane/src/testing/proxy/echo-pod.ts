import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTcpServer, type Server as TcpServer, type Socket } from 'node:net';
import { createServer as createHttpsServer } from 'node:https';
import { createServer as createTlsServer, TLSSocket } from 'node:tls';
import { GrpcEcho } from './grpc-echo.js';
import type { Identity } from './secret-server.js';

export const HTTP_PORT = 8080;
export const GRPC_PORT = 7070;
export const TCP_PORT = 9000;
export const TLS_PORT = 8443;
export const HTTPS_PORT = 9443;
export const GRPCS_PORT = 7443;
/** In the certificate of every server, beside its SPIFFE ID. */
export const SERVER_NAMES = ['abc.example.com', 'other.example.com'];

/** What an HTTP server of a pod says of a request. */
export interface Echo {
  readonly server: string;
  readonly method: string;
  /** With the query. */
  readonly path: string;
  readonly host: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Of the handshake, if there was one: the name that was asked for, and names of the client. */
  readonly tls?: { readonly sni: string; readonly client: string };
}

/** Programs of one pod: HTTP (also a proxy, for CONNECT), gRPC, both of them also with TLS, TCP and TLS, each of which tells the name of the pod. */
export class EchoPod {
  readonly #http: Server;
  readonly #https: Server;
  readonly #grpc: GrpcEcho;
  readonly #grpcs: GrpcEcho;
  readonly #tcp: TcpServer;
  readonly #tls: TcpServer;
  readonly #sockets = new Set<Socket>();
  readonly #failures = new Map<string, number>();
  /** Requests that came, also those whose answers nobody waits for. */
  readonly requests: Echo[] = [];
  /** What came on plain TCP connections. */
  input = '';

  constructor(
    readonly name: string,
    certificate: Identity,
  ) {
    this.#http = createServer((request, response) => this.#answer(request, response));
    this.#grpc = new GrpcEcho(name);
    this.#http.on('connect', (request: IncomingMessage, socket: Socket) => {
      socket.end(`HTTP/1.1 200 OK\r\n\r\n${name} to ${request.url ?? ''}`);
    });
    this.#tcp = createTcpServer((socket) => {
      socket.on('data', (bytes) => (this.input += bytes.toString('latin1')));
      socket.end(name);
    });
    const { certPem: cert, keyPem: key } = certificate;
    const asking = { cert, key, requestCert: true, rejectUnauthorized: false };
    this.#https = createHttpsServer(asking, (request, response) => this.#answer(request, response));
    this.#grpcs = new GrpcEcho(name, certificate);
    this.#tls = createTlsServer({ cert, key }, (socket) => {
      socket.on('error', () => undefined);
      socket.end(name);
    });
    for (const server of [this.#http, this.#https, this.#tcp, this.#tls])
      server.on('connection', (socket: Socket) => {
        this.#sockets.add(socket);
        socket.on('error', () => undefined);
        socket.on('close', () => this.#sockets.delete(socket));
      });
  }

  async listen(host: string): Promise<void> {
    const on = (server: TcpServer, port: number): Promise<void> =>
      new Promise((resolve, reject) => server.once('error', reject).listen(port, host, resolve));
    await Promise.all([
      on(this.#http, HTTP_PORT),
      on(this.#tcp, TCP_PORT),
      on(this.#tls, TLS_PORT),
      on(this.#https, HTTPS_PORT),
      this.#grpcs.listen(host, GRPCS_PORT),
      this.#grpc.listen(host, GRPC_PORT),
    ]);
  }

  close(): void {
    this.#grpc.close();
    this.#grpcs.close();
    for (const server of [this.#http, this.#https, this.#tcp, this.#tls]) server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Connections to it. */
  get connections(): number {
    return this.#sockets.size;
  }

  /**
   * `/status/<code>`, `/delay/<ms>`, `/delay-at/<pod>/<ms>` at that pod only, `/reset`, and `/fail/<times>/<id>`: 503 so many times. All
   * else is 200.
   */
  #answer(request: IncomingMessage, response: ServerResponse): void {
    const { method = '', url: path = '' } = request;
    // Several lines of one name are one value, as in Go's echo server.
    const headers = Object.fromEntries(
      Object.keys(request.headers).map((key) => [key, (request.headersDistinct[key] ?? []).join(',')]),
    );
    const echo = {
      server: this.name,
      method,
      path,
      host: headers['host'] ?? '',
      headers,
      ...handshakeOf(request.socket),
    };
    this.requests.push(echo);
    const [, verb = '', first = '', id = ''] = path.split(/[/?]/);
    const send = (status: number): void => {
      response.writeHead(status, { 'content-type': 'application/json', 'x-server': this.name });
      response.end(JSON.stringify(echo));
    };
    request.resume();
    if (verb === 'status') send(Number(first));
    else if (verb === 'reset') request.socket.destroy();
    else if (verb === 'delay') setTimeout(send, Number(first), 200).unref();
    else if (verb === 'delay-at' && first === this.name) setTimeout(send, Number(id), 200).unref();
    else if (verb === 'fail') {
      const failed = this.#failures.get(id) ?? 0;
      this.#failures.set(id, failed + 1);
      send(failed < Number(first) ? 503 : 200);
    } else send(200);
  }
}

function handshakeOf(socket: Socket): Pick<Echo, 'tls'> {
  if (!(socket instanceof TLSSocket)) return {};
  const { subjectaltname = '' } = (socket.getPeerCertificate() as { subjectaltname?: string } | null) ?? {};
  const { servername } = socket as { servername?: unknown };
  return { tls: { sni: typeof servername === 'string' ? servername : '', client: subjectaltname } };
}
