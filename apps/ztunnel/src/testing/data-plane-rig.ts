import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { duplicateDescriptor } from '@weft/linux';
import { createLogger } from '@weft/runtime';
import { TestAuthority, type TestIdentity } from '@weft/testing-certificates';
import { until } from '@weft/testing-fixtures';
import { build, type Plugin } from 'esbuild';
import { DataPlane } from '../dataplane/dataplane.js';
import type { EngineName } from '../dataplane/engine.js';
import type { DataPlaneLimits } from '../dataplane/limits.js';
import type { FromWorker, InboundContext, InboundVerdict, OutboundPlan, ToWorker } from '../dataplane/messages.js';
import { PodNamespace } from './pod-namespace.js';

export const CLIENT_ID = 'spiffe://cluster.local/ns/shop/sa/client';
export const SERVER_ID = 'spiffe://cluster.local/ns/shop/sa/server';
export const APP_PORT = 8080;

export type Message<T extends FromWorker['type']> = Extract<FromWorker, { type: T }>;

/** The bundle lies outside of the workspace, where `require('koffi')` would find nothing. */
const koffiByPath: Plugin = {
  name: 'koffi by path',
  setup(bundle) {
    bundle.onResolve({ filter: /^koffi$/ }, () => ({ path: require.resolve('koffi'), external: true }));
  },
};

/** Bundles a worker as the build does; the result is removed with the folder. */
export async function bundleWorker(
  source = '../dataplane/data-plane.entry.ts',
): Promise<{ readonly entry: string; readonly remove: () => void }> {
  const folder = mkdtempSync(join(tmpdir(), 'weft-data-plane-'));
  const entry = join(folder, 'data-plane.cjs');
  await build({
    entryPoints: [join(__dirname, source)],
    outfile: entry,
    bundle: true,
    platform: 'node',
    target: 'node24',
    format: 'cjs',
    plugins: [koffiByPath],
    tsconfig: join(__dirname, '../../../../tsconfig.base.json'),
    logLevel: 'warning',
  });
  return { entry, remove: () => rmSync(folder, { recursive: true }) };
}

/** A busy machine may take the usual ten seconds for a handshake among a thousand; where such a limit is tested, it is set. */
const PATIENT: Partial<DataPlaneLimits> = {
  connectTimeoutMs: 40_000,
  handshakeTimeoutMs: 40_000,
  answerTimeoutMs: 40_000,
  identityTimeoutMs: 40_000,
};

export interface RigOptions {
  readonly entry: string;
  readonly workers?: number;
  readonly engine?: EngineName;
  readonly limits?: Partial<DataPlaneLimits>;
}

/**
 * Two pods, a real data plane that serves both, and a slow path of two functions that a test may replace. By default
 * everything from the client pod goes by HBONE, and everything is allowed in.
 */
export class DataPlaneRig {
  readonly messages: FromWorker[] = [];
  #stopped = false;
  readonly dataPlane: DataPlane;
  plan: (destination: string) => OutboundPlan | null = (destination) => this.hbonePlan(destination);
  verdict: (context: InboundContext) => InboundVerdict | null = (context) => this.allow(context);

  private constructor(
    readonly authority: TestAuthority,
    readonly identities: { readonly client: TestIdentity; readonly server: TestIdentity },
    readonly client: PodNamespace,
    readonly server: PodNamespace,
    options: RigOptions,
  ) {
    this.dataPlane = new DataPlane({
      workers: options.workers ?? 1,
      engine: options.engine ?? 'ffi',
      entry: options.entry,
      log: createLogger('test', 'error'),
      onMessage: (message, worker) => this.#onMessage(message, worker),
      limits: { ...PATIENT, ...options.limits },
    });
  }

  static async start(options: RigOptions): Promise<DataPlaneRig> {
    const authority = await TestAuthority.create();
    const [client, server] = await Promise.all([authority.issue(CLIENT_ID), authority.issue(SERVER_ID)]);
    const pods = PodNamespace.pair(`wdp${process.pid}${Math.random().toString(36).slice(2, 5)}`);
    const rig = new DataPlaneRig(authority, { client, server }, ...pods, options);
    try {
      await rig.dataPlane.start();
    } catch (cause) {
      await rig.stop();
      throw cause;
    }
    for (const identity of [client, server]) rig.dataPlane.send({ type: 'setIdentity', identity });
    return rig;
  }

  /** Enrols a pod and waits until it is served. */
  async enrol(which: 'client' | 'server'): Promise<void> {
    const pod = this[which];
    pod.enrol();
    this.addPod(which);
    await this.waitFor('podAdded', ({ podUid }) => podUid === which);
  }

  addPod(which: 'client' | 'server'): void {
    const netnsFd = duplicateDescriptor(this[which].fd);
    const { spiffeId } = this.identities[which];
    this.dataPlane.send({
      type: 'addPod',
      podUid: which,
      netnsFd,
      podIps: [this[which].address],
      sourceIdentity: spiffeId,
    });
  }

  hbonePlan(destination: string, change: Partial<{ dial: string; expected: readonly string[] }> = {}): OutboundPlan {
    const target = {
      dial: change.dial ?? `${this.server.address}:15008`,
      authority: destination,
      expectedIdentities: change.expected ?? [SERVER_ID],
      weight: 1,
      targetId: 7,
    };
    return { kind: 'hbone', targets: [target], sourceIdentity: CLIENT_ID, baggage: 'k8s.namespace.name=shop' };
  }

  allow(context: InboundContext): InboundVerdict {
    const port = (context.authority ?? context.destination).split(':').at(-1)!;
    return { kind: 'allow', dial: `${this.server.address}:${port}`, preserveSource: true, baggage: 'service.name=app' };
  }

  of<T extends FromWorker['type']>(type: T): Message<T>[] {
    return this.messages.filter((message): message is Message<T> => message.type === type);
  }

  async waitFor<T extends FromWorker['type']>(
    type: T,
    match: (message: Message<T>) => boolean = () => true,
    deadlineMs?: number,
  ) {
    await until(() => this.of(type).some(match), `the worker says ${type}`, deadlineMs);
    return this.of(type).find(match)!;
  }

  /** All that the workers had to say until now is in `messages`, however busy the machine is. */
  settle(): Promise<void> {
    return this.dataPlane.settle(20_000);
  }

  /** Resolves when every worker acts by it; a connection of afterwards could otherwise come before the command. */
  async command(message: ToWorker): Promise<void> {
    this.dataPlane.send(message);
    await this.settle();
  }

  /** Makes the first worker's thread end without a word. */
  async crashWorker(): Promise<void> {
    await this.dataPlane.terminateWorker(0);
  }

  /** Does nothing the second time. */
  async stop(): Promise<void> {
    if (this.#stopped) return;
    this.#stopped = true;
    await this.dataPlane.stop(AbortSignal.timeout(3000));
    this.client.remove();
    this.server.remove();
  }

  #onMessage(message: FromWorker, worker: number): void {
    this.messages.push(message);
    if (message.type === 'outboundPlanNeeded') {
      const plan = this.plan(message.destination);
      if (plan !== null) this.dataPlane.send({ type: 'outboundPlan', requestId: message.requestId, plan }, worker);
    } else if (message.type === 'inboundVerdictNeeded') {
      const verdict = this.verdict(message.context);
      if (verdict !== null) {
        this.dataPlane.send({ type: 'inboundVerdict', requestId: message.requestId, verdict }, worker);
      }
    }
  }
}
