import { Server, status, type Metadata, type ServerCredentials, type ServiceDefinition } from '@grpc/grpc-js';
import { ok, toError, type Clock, type Result } from '@weft/result';
import type { Service } from '@weft/runtime';
import {
  encodeDeltaPush,
  encodeSotwPush,
  SotwServerSession,
  type DeltaServer,
  type Nack,
  type WatchState,
} from '@weft/xds';
import type { Node } from '@weft/xds/gen/envoy/config/core/v3/base.js';
import { AggregatedDiscoveryServiceService } from '@weft/xds/gen/envoy/service/discovery/v3/ads.js';
import type { DeltaDiscoveryRequest, DiscoveryRequest } from '@weft/xds/gen/envoy/service/discovery/v3/discovery.js';
import { XdsStream, type OpenSession, type XdsCall, type XdsRequest } from './xds-stream.js';

/** Who is on the other end, as authentication found. */
export interface XdsCaller {
  /** For logs and debug pages, such as `istio-system/ztunnel`. */
  readonly name: string;
}

export interface XdsRefusal {
  readonly code: status;
  /** What the client is told. */
  readonly message: string;
}

/** `sotw`: state of the world. */
export type XdsProtocol = 'delta' | 'sotw';

export interface XdsClientState {
  readonly node: string;
  readonly caller: string;
  readonly protocol: XdsProtocol;
  readonly peer: string;
  readonly connectedAt: string;
  /** It does not read what was written; changes are joined until it does. */
  readonly slow: boolean;
  readonly watches: readonly WatchState[];
}

export interface XdsServerOptions {
  readonly host: string;
  /** 0 picks a free port; see `port` after start. */
  readonly port: number;
  readonly credentials: ServerCredentials;
  /** What this client follows, or why it may not. */
  readonly engineFor: (caller: XdsCaller, node: Node) => Result<DeltaServer, XdsRefusal>;
  /** Decides once, when a stream opens. `certificate` (DER) is the client's, which TLS has verified; null: it showed none of ours. */
  readonly authenticate: (metadata: Metadata, certificate: Buffer | null) => Promise<Result<XdsCaller, XdsRefusal>>;
  /** Null while the resources are not complete: clients are then sent away with UNAVAILABLE. */
  readonly ready: () => boolean;
  readonly clock: Clock;
  readonly log: {
    info(fields: object, message: string): void;
    warn(fields: object, message: string): void;
  };
  readonly onPush?: (push: { readonly typeUrl: string }, bytes: number) => void;
  readonly onNack?: (node: string, nack: Nack) => void;
  readonly onRefused?: (refusal: XdsRefusal) => void;
  /** After this long a connection is asked to come again, so that load spreads and callers are authenticated anew. */
  readonly maxConnectionAgeMs?: number;
}

/** A request names resources, at most hundreds of thousands after a reconnect. */
const MAX_REQUEST_BYTES = 64 * 1024 * 1024;
const AUTHENTICATION_DEADLINE_MS = 10_000;
/** Some of what an engine has to say is due at a time of its own. */
const LATE_PUSH_MS = 15_000;

/** Pushes are encoded by the engine once for all clients; here they only pass. */
const responseSerialize = (bytes: Buffer): Buffer => bytes;
const SERVICE: ServiceDefinition = {
  deltaAggregatedResources: { ...AggregatedDiscoveryServiceService.deltaAggregatedResources, responseSerialize },
  streamAggregatedResources: { ...AggregatedDiscoveryServiceService.streamAggregatedResources, responseSerialize },
};

/** A protocol as streams need it. */
interface Protocol<Request, Push> {
  readonly name: XdsProtocol;
  readonly open: (engine: DeltaServer, onNack: (nack: Nack) => void) => OpenSession<Request, Push>;
  readonly encode: (push: Push) => Buffer;
}

const DELTA: Protocol<DeltaDiscoveryRequest, Parameters<typeof encodeDeltaPush>[0]> = {
  name: 'delta',
  open: (engine, onNack) => {
    const session = engine.open(onNack);
    return { session, close: () => engine.close(session) };
  },
  encode: encodeDeltaPush,
};

const SOTW: Protocol<DiscoveryRequest, Parameters<typeof encodeSotwPush>[0]> = {
  name: 'sotw',
  open: (engine, onNack) => {
    const session = new SotwServerSession(engine, onNack);
    return { session, close: () => session.close() };
  },
  encode: encodeSotwPush,
};

/** A stream of either protocol. */
type AnyStream = Pick<XdsStream<XdsRequest, unknown>, 'push' | 'end' | 'state'>;

/** Serves ADS over gRPC, incremental and state of the world: one session per stream, of the engine that is the client's. */
export class XdsServer implements Service {
  readonly name = 'xDS server';
  readonly #server: Server;
  readonly #streams = new Set<AnyStream>();
  #port = 0;
  #cancelLatePush: () => void = () => undefined;

  constructor(private readonly options: XdsServerOptions) {
    this.#server = new Server({
      'grpc.max_receive_message_length': MAX_REQUEST_BYTES,
      'grpc.keepalive_time_ms': 30_000,
      'grpc.keepalive_timeout_ms': 20_000,
      'grpc.max_connection_age_ms': options.maxConnectionAgeMs ?? 30 * 60_000,
      'grpc.max_connection_age_grace_ms': 10_000,
    });
    this.#server.addService(SERVICE, {
      deltaAggregatedResources: (call: XdsCall<DeltaDiscoveryRequest>) => void this.#serve(call, DELTA),
      streamAggregatedResources: (call: XdsCall<DiscoveryRequest>) => void this.#serve(call, SOTW),
    });
  }

  /** The bound port; only after `start`. */
  get port(): number {
    return this.#port;
  }

  async start(): Promise<void> {
    const { host, port, credentials } = this.options;
    this.#port = await new Promise<number>((resolve, reject) => {
      this.#server.bindAsync(`${host.includes(':') ? `[${host}]` : host}:${port}`, credentials, (failure, bound) =>
        failure === null ? resolve(bound) : reject(failure),
      );
    });
    this.#pushLater();
  }

  /** Tells clients to go elsewhere; streams still open when `hard` aborts are cut. */
  async stop(hard: AbortSignal): Promise<void> {
    this.#cancelLatePush();
    const closed = new Promise<void>((resolve) => this.#server.tryShutdown(() => resolve()));
    for (const stream of this.#streams) stream.end(status.UNAVAILABLE, 'the server is shutting down');
    const cut = (): void => this.#server.forceShutdown();
    if (hard.aborted) cut();
    hard.addEventListener('abort', cut, { once: true });
    await closed;
    hard.removeEventListener('abort', cut);
  }

  /** Sends every client what changed in the engine. */
  push(): void {
    for (const stream of this.#streams) stream.push();
  }

  #pushLater(): void {
    this.#cancelLatePush = this.options.clock.after(LATE_PUSH_MS, () => {
      this.push();
      this.#pushLater();
    });
  }

  clients(): readonly XdsClientState[] {
    return [...this.#streams].map((stream) => stream.state());
  }

  async #serve<Request extends XdsRequest, Push extends { readonly typeUrl: string }>(
    call: XdsCall<Request>,
    protocol: Protocol<Request, Push>,
  ): Promise<void> {
    call.on('error', () => undefined);
    const refuse = (refusal: XdsRefusal): void => {
      this.#refused(call, refusal);
      call.emit('error', { code: refusal.code, details: refusal.message });
    };
    if (!this.options.ready()) {
      refuse({ code: status.UNAVAILABLE, message: 'the control plane is not ready yet, try again' });
      return;
    }
    const caller = await this.#authenticate(call.metadata, call.getAuthContext().sslPeerCertificate?.raw ?? null);
    if (call.cancelled) return;
    if (!caller.ok) refuse(caller.error);
    else this.#open(call, caller.value, protocol);
  }

  #refused(call: { getPeer(): string }, refusal: XdsRefusal, node?: string): void {
    this.options.onRefused?.(refusal);
    this.options.log.warn(
      { peer: call.getPeer(), node, code: status[refusal.code], reason: refusal.message },
      'xDS client refused',
    );
  }

  async #authenticate(metadata: Metadata, certificate: Buffer | null): Promise<Result<XdsCaller, XdsRefusal>> {
    const { authenticate, clock } = this.options;
    const late: Result<XdsCaller, XdsRefusal> = {
      ok: false,
      error: { code: status.UNAVAILABLE, message: 'authentication took too long, try again' },
    };
    let cancel = (): void => undefined;
    const deadline = new Promise<typeof late>((resolve) => {
      cancel = clock.after(AUTHENTICATION_DEADLINE_MS, () => resolve(late));
    });
    try {
      return await Promise.race([authenticate(metadata, certificate), deadline]);
    } catch (thrown) {
      this.options.log.warn({ err: toError(thrown) }, 'authentication failed');
      return { ok: false, error: { code: status.UNAVAILABLE, message: 'authentication is not available, try again' } };
    } finally {
      cancel();
    }
  }

  #open<Request extends XdsRequest, Push extends { readonly typeUrl: string }>(
    call: XdsCall<Request>,
    caller: XdsCaller,
    protocol: Protocol<Request, Push>,
  ): void {
    const { engineFor, clock, log, onPush, onNack } = this.options;
    const stream = new XdsStream<Request, Push>({
      call,
      caller,
      protocol: protocol.name,
      clock,
      open: (node, nack) => {
        const engine = engineFor(caller, node);
        if (!engine.ok) {
          this.#refused(call, engine.error, node.id);
          return engine;
        }
        return ok(protocol.open(engine.value, nack));
      },
      encode: (push) => {
        const bytes = protocol.encode(push);
        onPush?.(push, bytes.length);
        return bytes;
      },
      onNack: (node, nack) => {
        log.warn({ node, typeUrl: nack.typeUrl, reason: nack.message }, 'client rejected resources');
        onNack?.(node, nack);
      },
      onClosed: () => {
        this.#streams.delete(stream);
        log.info({ node: stream.state().node, caller: caller.name, peer: call.getPeer() }, 'xDS client gone');
      },
    });
    this.#streams.add(stream);
    log.info({ caller: caller.name, peer: call.getPeer(), protocol: protocol.name }, 'xDS client connected');
  }
}
