import { spawn, type ChildProcess } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { toError, type Clock } from '@weft/result';
import type { Service } from '@weft/runtime';
import type { AgentConfig } from '../config.js';
import type { EnvoyAdmin } from './envoy-admin.js';

export interface EnvoyProcessOptions {
  readonly config: AgentConfig;
  readonly bootstrap: object;
  readonly admin: EnvoyAdmin;
  readonly clock: Clock;
  readonly log: {
    info(fields: object, message: string): void;
    warn(fields: object, message: string): void;
    error(fields: object, message: string): void;
  };
  /** Envoy takes connections, or does not any more. */
  readonly onLive: (live: boolean) => void;
  /** Null: soon. A proxy of the pool takes connections only after this. */
  readonly expected: Promise<void> | null;
  /** It ended though nobody asked it to. */
  readonly onCrash: (how: { readonly code: number | null; readonly signal: string | null }) => void;
}

const LOOK_MS = 25;
const DRAIN_LOOK_MS = 100;
const LOOK_WHEN_LIVE_MS = 1000;

/** The Envoy beside this agent: started once, watched, drained and ended. It is never restarted in place: the pod is. */
export class EnvoyProcess implements Service {
  readonly name = 'Envoy';
  #child: ChildProcess | null = null;
  #stopping = false;
  #live = false;
  /** It is not expected to take connections yet. */
  #early = false;
  #cancelLook: () => void = () => undefined;

  constructor(private readonly options: EnvoyProcessOptions) {}

  /** Null: it does not run. */
  get pid(): number | null {
    return this.#child?.pid ?? null;
  }

  async start(): Promise<void> {
    const { config, bootstrap, log } = this.options;
    const file = join(config.configDir, 'envoy-bootstrap.json');
    writeFileSync(file, JSON.stringify(bootstrap, null, 2), { mode: 0o600 });
    const child = spawn(config.envoyPath, envoyArguments(config, file), { stdio: ['ignore', 'inherit', 'inherit'] });
    this.#child = child;
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve);
      child.once('error', (failure) => reject(new Error(`${config.envoyPath}: ${failure.message}`)));
    });
    child.on('error', (failure) => log.error({ err: failure }, 'Envoy'));
    child.once('exit', (code, signal) => this.#exited(code, signal));
    log.info({ pid: child.pid, envoy: config.envoyPath }, 'Envoy started');
    const { expected } = this.options;
    this.#early = expected !== null;
    void expected?.then(() => {
      this.#early = false;
      this.#cancelLook();
      if (!this.#stopping) this.#look();
    });
    this.#look();
  }

  /**
   * Drains: existing connections are asked to end, and get at least the minimum, at most until `hard` aborts. New ones are
   * still served: the rest of the mesh needs a moment to see that this pod goes.
   */
  async stop(hard: AbortSignal): Promise<void> {
    const { config, admin, clock, log } = this.options;
    this.#stopping = true;
    this.#cancelLook();
    const child = this.#child;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    const begun = clock.now();
    await admin
      .drain()
      .catch((thrown: unknown) => log.warn({ err: toError(thrown).message }, 'Envoy cannot be drained'));
    let left = 0;
    while (!hard.aborted && clock.now() - begun < config.drainMaxMs) {
      left = await this.#open().catch(() => 0);
      const waitedMs = clock.now() - begun;
      if (left === 0 && waitedMs >= config.drainMinMs) break;
      await new Promise<void>((resolve) => clock.after(DRAIN_LOOK_MS, resolve));
    }
    log.info({ drainedMs: clock.now() - begun, connectionsCut: left }, 'drained');
    child.kill('SIGTERM');
    const cancelKill = clock.after(900, () => child.kill('SIGKILL'));
    await exited;
    cancelKill();
  }

  /** Of a waypoint its tunnels: a connection without any is idle, and who owns it opens another one for what comes next. */
  async #open(): Promise<number> {
    const { config, admin } = this.options;
    return config.proxyType === 'waypoint' ? (await admin.load()).connections : admin.activeConnections();
  }

  #look(): void {
    const { admin, clock, onLive } = this.options;
    void admin
      .live()
      .catch(() => false)
      .then((live) => {
        if (this.#stopping) return;
        if (live !== this.#live) onLive(live);
        this.#live = live;
        const soon = !live && !this.#early;
        this.#cancelLook = clock.after(soon ? LOOK_MS : LOOK_WHEN_LIVE_MS, () => this.#look());
      });
  }

  #exited(code: number | null, signal: NodeJS.Signals | null): void {
    if (this.#stopping) return;
    this.#stopping = true;
    this.#cancelLook();
    this.options.onCrash({ code, signal });
  }
}

/**
 * `drain-strategy immediate`: every response of a draining Envoy closes its connection, not some of them by chance.
 * `ignore-unknown-dynamic-fields`: Envoy does not look for them, a fifth of what it needs to read thousands of hosts; the control
 * plane has refused them before.
 */
function envoyArguments(config: AgentConfig, bootstrapFile: string): readonly string[] {
  const drainSeconds = Math.max(1, Math.ceil(config.drainMaxMs / 1000));
  return [
    ...['--config-path', bootstrapFile],
    ...['--concurrency', String(config.concurrency)],
    ...['--log-level', config.proxyLogLevel],
    ...(config.proxyComponentLogLevel === '' ? [] : ['--component-log-level', config.proxyComponentLogLevel]),
    ...['--drain-time-s', String(drainSeconds)],
    ...['--drain-strategy', 'immediate'],
    ...['--parent-shutdown-time-s', String(drainSeconds + 1)],
    '--disable-hot-restart',
    '--ignore-unknown-dynamic-fields',
  ];
}
