import type { HboneStream } from '@weft/hbone';
import { parseSocketAddress } from '@weft/ip';
import type { Memory } from '@weft/linux';
import { ClientTunnel, WITHDRAWN, type TunnelFailure } from './client-tunnel.js';
import type { Loop } from './loop.js';
import type { Identities } from './identities.js';
import type { DataPlaneLimits } from './limits.js';
import type { HboneTarget } from './messages.js';
import type { PeerTrust } from './peer-trust.js';
import type { Pod, PodMember } from './pod.js';
import type { Transport } from './transport.js';

/** A connection that wants a stream. */
export interface StreamSeeker {
  readonly authority: string;
  headers(): readonly (readonly [string, string])[];
  /** `reused`: the tunnel was open before, so that its failure may say nothing about the target. */
  onStream(stream: HboneStream, tunnel: ClientTunnel, reused: boolean): void;
  onNoStream(failure: TunnelFailure): void;
}

export interface TunnelPoolParts {
  readonly loop: Loop;
  readonly transport: Transport;
  readonly limits: DataPlaneLimits;
  readonly identities: Identities;
  readonly pod: Pod;
  readonly readBuffer: Memory;
  readonly trust: PeerTrust;
}

/**
 * The tunnels of one pod. Tunnels are shared by connections with the same source identity, expected identities and dial
 * address, and by no other. A cold destination is dialled once however many connections ask at the same time; a tunnel
 * that is full gets a second one beside it.
 */
export class TunnelPool implements PodMember {
  readonly idle = true;
  readonly #entries = new Map<string, PoolEntry>();
  /** Targets belong to plans, which many connections share. */
  readonly #keys = new WeakMap<HboneTarget, { readonly sourceIdentity: string; readonly key: string }>();
  readonly #stopTicking: () => void;

  constructor(private readonly parts: TunnelPoolParts) {
    parts.pod.join(this);
    this.#stopTicking = parts.loop.everySecond(() => this.#evictIdle());
  }

  /** Answers the seeker now or later, exactly once. Returns what takes the request back, or null if it was answered. */
  request(sourceIdentity: string, target: HboneTarget, seeker: StreamSeeker): (() => void) | null {
    const key = this.#keyOf(sourceIdentity, target);
    let entry = this.#entries.get(key);
    if (entry === undefined) {
      const made: PoolEntry = new PoolEntry(this.parts, sourceIdentity, target, () => {
        if (this.#entries.get(key) === made) this.#entries.delete(key);
      });
      this.#entries.set(key, made);
      entry = made;
    }
    return entry.request(seeker);
  }

  #keyOf(sourceIdentity: string, target: HboneTarget): string {
    const known = this.#keys.get(target);
    if (known?.sourceIdentity === sourceIdentity) return known.key;
    const key = JSON.stringify([sourceIdentity, target.expectedIdentities, target.dial]);
    this.#keys.set(target, { sourceIdentity, key });
    return key;
  }

  evict(addresses: ReadonlySet<string>): void {
    for (const entry of [...this.#entries.values()]) if (addresses.has(entry.address)) entry.lose();
  }

  endWithPod(why: string): void {
    this.#stopTicking();
    for (const entry of [...this.#entries.values()]) entry.abort(why);
    this.#entries.clear();
  }

  #evictIdle(): void {
    for (const entry of [...this.#entries.values()]) entry.evictIdle(this.parts.limits.idleTunnelMs);
  }
}

class PoolEntry {
  readonly #tunnels = new Set<ClientTunnel>();
  readonly #seekers = new Set<StreamSeeker>();
  #dialling = false;
  #forgetIdentity: () => void = () => undefined;

  constructor(
    private readonly parts: TunnelPoolParts,
    private readonly sourceIdentity: string,
    private readonly target: HboneTarget,
    private readonly onEmpty: () => void,
  ) {}

  get dial(): string {
    return this.target.dial;
  }

  /** Without the port: a waypoint or gateway may have any. */
  get address(): string {
    return parseSocketAddress(this.target.dial)?.ip.text ?? '';
  }

  request(seeker: StreamSeeker): (() => void) | null {
    if (this.#seekers.size === 0 && this.#serve(seeker)) return null;
    this.#seekers.add(seeker);
    this.#grow();
    if (!this.#seekers.has(seeker)) return null;
    return () => {
      this.#seekers.delete(seeker);
      this.#endIfEmpty();
    };
  }

  /** Whoever was there is gone: everything ends now, and who still waits for an answer is told and looks elsewhere. */
  lose(): void {
    for (const tunnel of [...this.#tunnels]) tunnel.abort(`the workload at ${this.dial} is gone`);
  }

  evictIdle(idleMs: number): void {
    for (const tunnel of [...this.#tunnels]) if ((tunnel.tunnel?.idleMs ?? 0) >= idleMs) tunnel.retire();
  }

  abort(why: string): void {
    this.#forgetIdentity();
    this.#seekers.clear();
    for (const tunnel of [...this.#tunnels]) tunnel.abort(why);
  }

  /** Opens a stream on a tunnel that has room. */
  #serve(seeker: StreamSeeker): boolean {
    for (const tunnel of this.#tunnels) {
      if (!tunnel.usable || !tunnel.tunnel!.http.canOpen()) continue;
      const reused = tunnel.served;
      const stream = tunnel.connect(seeker.authority, seeker.headers());
      if (stream === null) continue;
      tunnel.served = true;
      seeker.onStream(stream, tunnel, reused);
      return true;
    }
    return false;
  }

  #serveAll(): void {
    for (const seeker of [...this.#seekers]) {
      if (!this.#seekers.has(seeker)) continue;
      if (!this.#serve(seeker)) break;
      this.#seekers.delete(seeker);
    }
    if (this.#seekers.size > 0) this.#grow();
  }

  /** Dials another tunnel, unless one is on its way or the existing ones are only busy writing. */
  #grow(): void {
    if (this.#dialling) return;
    for (const tunnel of this.#tunnels) {
      if (tunnel.usable && tunnel.tunnel!.http.canOpen() && tunnel.tunnel!.congested) return;
    }
    this.#dialling = true;
    const forget = this.parts.identities.get(this.sourceIdentity, (context) => {
      const dial = parseSocketAddress(this.target.dial);
      if (dial === null) {
        this.#failed({ reason: `bad tunnel address ${this.target.dial}`, flag: 'CONNECT' });
        return;
      }
      if (context === null) {
        this.#failed(this.#noCertificate());
        return;
      }
      const { loop, transport, pod, limits, readBuffer, trust } = this.parts;
      const tunnel: ClientTunnel = new ClientTunnel({
        loop,
        transport,
        pod,
        dial,
        dialText: this.target.dial,
        expectedIdentities: this.target.expectedIdentities,
        context: () => this.parts.identities.peek(this.sourceIdentity),
        shared: { readBuffer, handshakeTimeoutMs: limits.handshakeTimeoutMs, http2: limits.http2, trust },
        connectTimeoutMs: limits.connectTimeoutMs,
        onRoom: () => this.#room(tunnel),
        onClosed: (failure) => this.#closed(tunnel, failure),
      });
      this.#tunnels.add(tunnel);
    });
    if (forget !== null) this.#forgetIdentity = forget;
  }

  #noCertificate(): TunnelFailure {
    const { pod, limits } = this.parts;
    if (pod.sourceIdentity !== this.sourceIdentity) return WITHDRAWN;
    const reason = `no certificate for ${this.sourceIdentity} after ${limits.identityTimeoutMs} ms`;
    return { reason, flag: 'TLS_FAILURE' };
  }

  #room(tunnel: ClientTunnel): void {
    if (this.#dialling && !tunnel.announced) {
      tunnel.announced = true;
      this.#dialling = false;
    }
    if (this.#seekers.size > 0) this.#serveAll();
  }

  #closed(tunnel: ClientTunnel, failure: TunnelFailure | null): void {
    this.#tunnels.delete(tunnel);
    if (!tunnel.announced) {
      this.#failed(failure ?? { reason: `tunnel to ${this.dial} closed before it was open`, flag: 'CONNECT' });
      return;
    }
    if (this.#seekers.size > 0) this.#serveAll();
    this.#endIfEmpty();
  }

  #failed(failure: TunnelFailure): void {
    this.#dialling = false;
    const seekers = [...this.#seekers];
    this.#seekers.clear();
    this.#endIfEmpty();
    for (const seeker of seekers) seeker.onNoStream(failure);
  }

  #endIfEmpty(): void {
    if (this.#tunnels.size === 0 && this.#seekers.size === 0 && !this.#dialling) this.onEmpty();
  }
}
