import { readFileSync } from 'node:fs';
import { ChannelCredentials, Metadata, type ChannelOptions } from '@grpc/grpc-js';
import { err, ok, type Result } from '@weft/result';
import { XdsGrpcError } from './errors.js';

export interface MeshEndpointOptions {
  /** `https://host:port`, `http://host:port` (plaintext) or `host:port` (TLS). */
  readonly address: string;
  /** Path of a PEM file, PEM text, or `SYSTEM`. Read again for every new channel. */
  readonly root: string;
  /** Name checked in the server certificate instead of the host. */
  readonly serverName?: string;
  /** Path of a file that is read again for every call, or the token itself. Empty: no token. */
  readonly token: string;
  readonly clusterId: string;
  /** Extra request headers. */
  readonly headers?: Readonly<Record<string, string>>;
}

const MAX_MESSAGE_BYTES = 200 * 1024 * 1024;
const ADDRESS = /^(?:(https?):\/\/)?([^/]+:\d{1,5})\/?$/;

/** How a node component reaches the control plane or the CA: where, whom to trust there, and who it is itself. */
export class MeshEndpoint {
  private constructor(
    readonly target: string,
    private readonly secure: boolean,
    private readonly options: MeshEndpointOptions,
  ) {}

  static parse(options: MeshEndpointOptions): Result<MeshEndpoint, XdsGrpcError> {
    const match = ADDRESS.exec(options.address);
    if (match === null) {
      const shown = JSON.stringify(options.address);
      return err(
        new XdsGrpcError('XDS_ENDPOINT_INVALID', `address ${shown}: want https://host:port or http://host:port`),
      );
    }
    return ok(new MeshEndpoint(match[2]!, match[1] !== 'http', options));
  }

  /** For a configuration without which the process cannot work. Throws `XDS_ENDPOINT_INVALID`. */
  static require(options: MeshEndpointOptions): MeshEndpoint {
    const endpoint = MeshEndpoint.parse(options);
    if (!endpoint.ok) throw endpoint.error;
    return endpoint.value;
  }

  /** PEM of the trusted roots now; null for the machine's own. Throws `XDS_CREDENTIALS_MISSING`. */
  rootPem(): string | null {
    const { root } = this.options;
    if (root === 'SYSTEM' || !this.secure) return null;
    return root.startsWith('-----BEGIN') ? root : readCredential(root, 'root certificate');
  }

  credentials(): ChannelCredentials {
    if (!this.secure) return ChannelCredentials.createInsecure();
    const pem = this.rootPem();
    return ChannelCredentials.createSsl(pem === null ? null : Buffer.from(pem));
  }

  /** Headers of one call: bearer token, cluster, extras. */
  metadata(): Metadata {
    const metadata = new Metadata();
    const token = this.#token();
    if (token !== '') metadata.set('authorization', `Bearer ${token}`);
    metadata.set('clusterid', this.options.clusterId);
    for (const [name, value] of Object.entries(this.options.headers ?? {})) metadata.set(name, value);
    return metadata;
  }

  channelOptions(): ChannelOptions {
    const { serverName } = this.options;
    return {
      'grpc.max_receive_message_length': MAX_MESSAGE_BYTES,
      'grpc.keepalive_time_ms': 30_000,
      'grpc.keepalive_timeout_ms': 10_000,
      'grpc.keepalive_permit_without_calls': 1,
      // The mesh is never behind the proxy that an operator set for the internet.
      'grpc.enable_http_proxy': 0,
      // The pool shared by all channels keeps dead connections between our attempts.
      'grpc.use_local_subchannel_pool': 1,
      ...(serverName === undefined
        ? {}
        : { 'grpc.ssl_target_name_override': serverName, 'grpc.default_authority': serverName }),
    };
  }

  #token(): string {
    const { token } = this.options;
    return token === '' || !token.includes('/') ? token : readCredential(token, 'token').trim();
  }
}

function readCredential(path: string, what: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new XdsGrpcError('XDS_CREDENTIALS_MISSING', `cannot read the ${what} from ${path}`, { cause });
  }
}
