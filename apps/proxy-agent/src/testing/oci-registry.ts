import { hash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface PushedLayer {
  readonly mediaType: string;
  readonly bytes: Buffer;
}

const MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
const digestOf = (bytes: Buffer): string => `sha256:${hash('sha256', bytes, 'hex')}`;

/** A registry, as far as pulling goes (OCI distribution), and a web server of files. */
export class OciRegistry {
  /** `anonymous`: a token is given to everybody; `token`: to who has the password; `basic`: the password itself is wanted. */
  access: 'open' | 'anonymous' | 'token' | 'basic' = 'open';
  /** No answer to anything but tokens while it is set. */
  down = false;
  host = '';
  readonly files = new Map<string, Buffer>();
  readonly #manifests = new Map<string, Buffer>();
  readonly #blobs = new Map<string, Buffer>();
  readonly #server: Server;

  private constructor(private readonly password: string) {
    this.#server = createServer((request, response) => this.#answer(request, response));
  }

  static async start(password = 'open sesame'): Promise<OciRegistry> {
    const registry = new OciRegistry(password);
    await new Promise<void>((resolve) => registry.#server.listen(0, '127.0.0.1', resolve));
    registry.host = `127.0.0.1:${(registry.#server.address() as AddressInfo).port}`;
    return registry;
  }

  stop(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  /** Content of a `.dockerconfigjson` for it. */
  get pullSecret(): string {
    return JSON.stringify({ auths: { [this.host]: { username: 'puller', password: this.password } } });
  }

  /** Gives the digest of the image. `index`: below one for several machines. */
  push(repository: string, tag: string, layers: readonly PushedLayer[], index = false): string {
    const described = layers.map(({ mediaType, bytes }) => ({
      mediaType,
      digest: this.#blob(bytes),
      size: bytes.length,
    }));
    const digest = this.#manifest(
      repository,
      { schemaVersion: 2, mediaType: MANIFEST, layers: described },
      index ? null : tag,
    );
    if (!index) return digest;
    const manifests = [
      {
        mediaType: MANIFEST,
        digest: digestOf(Buffer.from('other')),
        platform: { os: 'windows', architecture: 'amd64' },
      },
      { mediaType: MANIFEST, digest, platform: { os: 'linux', architecture: 'riscv64' } },
    ];
    return this.#manifest(
      repository,
      { schemaVersion: 2, mediaType: 'application/vnd.oci.image.index.v1+json', manifests },
      tag,
    );
  }

  /** What is stored under the digest becomes something else. */
  corrupt(bytes: Buffer): void {
    this.#blobs.set(digestOf(bytes), Buffer.concat([bytes, Buffer.from('!')]));
  }

  #blob(bytes: Buffer): string {
    this.#blobs.set(digestOf(bytes), bytes);
    return digestOf(bytes);
  }

  #manifest(repository: string, manifest: object, tag: string | null): string {
    const bytes = Buffer.from(JSON.stringify(manifest));
    this.#manifests.set(`${repository}/manifests/${digestOf(bytes)}`, bytes);
    if (tag !== null) this.#manifests.set(`${repository}/manifests/${tag}`, bytes);
    return digestOf(bytes);
  }

  #answer({ url = '', headers }: IncomingMessage, response: ServerResponse): void {
    const { pathname, searchParams } = new URL(url, 'http://registry');
    const basic = `Basic ${Buffer.from(`puller:${this.password}`).toString('base64')}`;
    const end = (status: number, body: Buffer | string = '', more: Record<string, string> = {}) =>
      response.writeHead(status, more).end(body);
    if (pathname === '/token') {
      const known = this.access === 'anonymous' ? headers.authorization === undefined : headers.authorization === basic;
      const scoped = searchParams.get('scope')?.startsWith('repository:') === true;
      if (known && scoped && searchParams.get('service') === 'test') end(200, JSON.stringify({ token: 'let-me-in' }));
      else end(401);
      return;
    }
    const file = this.files.get(pathname);
    const wanted = { open: undefined, basic, anonymous: 'Bearer let-me-in', token: 'Bearer let-me-in' }[this.access];
    if (this.down) end(503);
    else if (file === undefined && headers.authorization !== wanted) {
      const bearer = `Bearer realm="http://${this.host}/token",service="test"`;
      end(401, '', { 'www-authenticate': this.access === 'basic' ? 'Basic realm="test"' : bearer });
    } else {
      const content = file ?? this.#content(pathname);
      if (content === undefined) end(404);
      else end(200, content);
    }
  }

  #content(path: string): Buffer | undefined {
    return this.#manifests.get(path.slice('/v2/'.length)) ?? this.#blobs.get(path.replace(/^.*\/blobs\//, ''));
  }
}
