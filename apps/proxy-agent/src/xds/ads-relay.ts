import {
  Client,
  Server,
  ServerCredentials,
  status,
  type ClientDuplexStream,
  type ServerDuplexStream,
} from '@grpc/grpc-js';
import { toError } from '@weft/result';
import type { Service } from '@weft/runtime';
import type { MeshEndpoint } from '@weft/xds-grpc';
import { AggregatedDiscoveryServiceService } from '@weft/xds/gen/envoy/service/discovery/v3/ads.js';
import { listenOnSocket } from '../secrets/listen-on-socket.js';
import { EXTENSION_TYPE_URL } from '@weft/xds';
import { DeltaDiscoveryRequest } from '@weft/xds/gen/envoy/service/discovery/v3/discovery.js';
import type { WasmExtensions } from '../wasm/wasm-extensions.js';
import type { ConfigVersions, XdsProtocol } from './config-versions.js';
import { ExtensionStream } from './extension-stream.js';

export interface AdsRelayOptions {
  /** Path of the unix socket on which Envoy asks. */
  readonly path: string;
  readonly endpoint: MeshEndpoint;
  readonly versions: ConfigVersions;
  readonly extensions: WasmExtensions;
  /** Envoy's streams wait for this. Default: they do not. */
  readonly opened?: Promise<void>;
  readonly log: { info(fields: object, message: string): void; warn(fields: object, message: string): void };
  readonly onTermination?: () => void;
}

type Downstream = ServerDuplexStream<Buffer, Buffer>;
type Upstream = ClientDuplexStream<Buffer, Buffer>;

const MAX_MESSAGE_BYTES = 200 * 1024 * 1024;
const asIs = (bytes: Buffer): Buffer => bytes;

/**
 * Carries configuration streams of Envoy, or of a gRPC client, to the control plane with the pod's token, byte for byte but for
 * extensions. When either side ends, so does the other: the client asks again by itself, says what it holds, and is sent only what
 * changed.
 */
export class AdsRelay implements Service {
  readonly name = 'ADS relay';
  readonly #server = new Server({ 'grpc.max_receive_message_length': MAX_MESSAGE_BYTES });
  readonly #channels = new Set<Client>();
  /** Has the open streams ask once more for an extension. */
  readonly #asking = new Set<(name: string) => void>();
  #failing = false;

  constructor(private readonly options: AdsRelayOptions) {
    options.extensions.onFound = (name) => {
      for (const ask of this.#asking) ask(name);
    };
    const { deltaAggregatedResources: delta, streamAggregatedResources: sotw } = AggregatedDiscoveryServiceService;
    const raw = {
      requestSerialize: asIs,
      requestDeserialize: asIs,
      responseSerialize: asIs,
      responseDeserialize: asIs,
    };
    this.#server.addService(
      { delta: { ...delta, ...raw }, sotw: { ...sotw, ...raw } },
      {
        delta: (call: Downstream): void => this.#hold(call, delta.path, 'delta'),
        sotw: (call: Downstream): void => this.#hold(call, sotw.path, 'sotw'),
      },
    );
  }

  start(): Promise<void> {
    return listenOnSocket(this.#server, this.options.path, ServerCredentials.createInsecure());
  }

  stop(): Promise<void> {
    for (const channel of this.#channels) channel.close();
    this.#server.forceShutdown();
    return Promise.resolve();
  }

  #hold(call: Downstream, path: string, protocol: XdsProtocol): void {
    call.on('error', () => undefined);
    const { opened } = this.options;
    if (opened === undefined) this.#relay(call, path, protocol);
    else void opened.then(() => (call.cancelled ? undefined : this.#relay(call, path, protocol)));
  }

  #relay(call: Downstream, path: string, protocol: XdsProtocol): void {
    let channel: Client;
    let upstream: Upstream;
    try {
      const { endpoint } = this.options;
      channel = new Client(endpoint.target, endpoint.credentials(), endpoint.channelOptions());
      upstream = channel.makeBidiStreamRequest(path, asIs, asIs, endpoint.metadata());
    } catch (thrown) {
      this.#lost(call, toError(thrown).message);
      return;
    }
    this.#channels.add(channel);
    const ask = (name: string): void => askAgain(name, protocol, call, upstream);
    this.#asking.add(ask);
    let open = true;
    const close = (reason: string | null): void => {
      if (!open) return;
      open = false;
      upstream.cancel();
      channel.close();
      this.#channels.delete(channel);
      this.#asking.delete(ask);
      this.options.onTermination?.();
      if (reason !== null) this.#lost(call, reason);
    };
    upstream.on('error', (error: Error & { details?: string }) => close(error.details ?? error.message));
    upstream.on('end', () => close('the control plane ended the stream'));
    call.on('cancelled', () => close(null));
    call.on('end', () => {
      upstream.end();
      close(null);
      call.end();
    });
    this.#pipe(call, upstream, protocol);
  }

  #pipe(call: Downstream, upstream: Upstream, protocol: XdsProtocol): void {
    const { versions, extensions, log } = this.options;
    const stream = new ExtensionStream(extensions, protocol);
    upstream.on('data', (bytes: Buffer) => {
      if (this.#failing) log.info({ server: this.options.endpoint.target }, 'the control plane is back');
      this.#failing = false;
      if (versions.sent(bytes, protocol) !== EXTENSION_TYPE_URL) {
        if (!call.write(bytes)) upstream.pause();
        return;
      }
      // Others go ahead: a module may take long.
      void stream.response(bytes).then((changed) => {
        if (!call.cancelled && !call.writableEnded) call.write(changed);
      });
    });
    call.on('drain', () => upstream.resume());
    call.on('data', (bytes: Buffer) => {
      const rejected = versions.answered(bytes, protocol);
      if (rejected !== null) log.warn(rejected, 'Envoy rejected configuration; its last good one stays in use');
      if (!upstream.write(bytes.includes(EXTENSION_TYPE_URL) ? stream.request(bytes) : bytes)) call.pause();
    });
    upstream.on('drain', () => call.resume());
  }

  #lost(call: Downstream, reason: string): void {
    const fields = { server: this.options.endpoint.target, reason };
    if (!this.#failing)
      this.options.log.warn(fields, 'configuration stream ended; Envoy keeps what it has and asks again');
    this.#failing = true;
    call.emit('error', { code: status.UNAVAILABLE, details: reason });
  }
}

/** A subscription to what is subscribed is answered anew. Of the whole world only a new stream is. */
function askAgain(name: string, protocol: XdsProtocol, call: Downstream, upstream: Upstream): void {
  if (protocol === 'sotw') {
    call.emit('error', { code: status.UNAVAILABLE, details: `${name} is to be asked for again` });
    return;
  }
  const request = DeltaDiscoveryRequest.fromPartial({ typeUrl: EXTENSION_TYPE_URL, resourceNamesSubscribe: [name] });
  upstream.write(Buffer.from(DeltaDiscoveryRequest.encode(request).finish()));
}
