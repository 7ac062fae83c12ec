import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { closeDescriptor, duplicateDescriptor, SeqPacketServer } from '@weft/linux';
import { startAll, systemClock } from '@weft/runtime';
import { until } from '@weft/testing-fixtures';
import { FakeAdsServer, type FakeResource } from '@weft/testing-xds-server';
import { ADDRESS_TYPE_URL as ADDRESS, AUTHORIZATION_TYPE_URL as POLICY } from '@weft/xds';
import { Address, type Service, type Workload } from '@weft/xds/gen/mesh/workload/workload.js';
import { createZtunnel, type Ztunnel, type ZtunnelPorts } from '../app.js';
import { parseConfig } from '../config.js';
import { DataPlane } from '../dataplane/dataplane.js';
import { LogScopes } from '../telemetry/log-scopes.js';
import { bundleWorker } from './data-plane-rig.js';
import { FakeAgent } from './fake-agent.js';
import { FakeCa } from './fake-ca.js';
import { PodNamespace } from './pod-namespace.js';

export interface WholeZtunnelOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly resolve?: ZtunnelPorts['resolve'];
  /** Where the log goes instead of to `lines`. */
  readonly logFd?: number;
  /** Captures a pod. Default: rules for iptables. */
  readonly enrol?: (pod: PodNamespace) => Promise<void>;
  /** What the control plane says before the pods are added. */
  readonly mesh: (pods: readonly [PodNamespace, PodNamespace]) => readonly (Workload | Service)[];
}

/** A workload or service as the control plane sends it. */
function addressResource(value: Workload | Service): FakeResource {
  const type = 'uid' in value ? ({ $case: 'workload', value } as const) : ({ $case: 'service', value: value } as const);
  const name = type.$case === 'workload' ? type.value.uid : `${type.value.namespace}/${type.value.hostname}`;
  return { name, version: '1', body: Address.encode({ $type: 'istio.workload.Address', type }).finish() };
}

/**
 * A ztunnel with everything real but its control plane, CA and CNI agent: two pods, `client` and `server` of namespace `shop`,
 * captured by rules, and worker threads with TLS between them.
 */
export class WholeZtunnel {
  readonly pods = PodNamespace.pair(`wzt${process.pid}${Math.random().toString(36).slice(2, 5)}`);
  readonly ads = new FakeAdsServer();
  readonly ca = new FakeCa(() => Date.now());
  /** Its log, one object per line. */
  readonly lines: Record<string, unknown>[] = [];
  readonly #disposers: (() => unknown)[] = [() => this.pods.forEach((pod) => pod.remove())];
  #ztunnel: Ztunnel | null = null;
  #stopZtunnel: () => Promise<void> = () => Promise.resolve();

  static async start(options: WholeZtunnelOptions): Promise<WholeZtunnel> {
    const whole = new WholeZtunnel();
    try {
      await whole.#start(options);
      return whole;
    } catch (cause) {
      await whole.stop();
      throw cause;
    }
  }

  get ztunnel(): Ztunnel {
    return this.#ztunnel!;
  }

  get access(): readonly Record<string, unknown>[] {
    return this.lines.filter(({ scope }) => scope === 'access');
  }

  /** More from the control plane. */
  push(...resources: readonly (Workload | Service)[]): void {
    this.ads.streams[0]!.send(ADDRESS, resources.map(addressResource));
  }

  async metrics(): Promise<string> {
    return (await fetch(`http://127.0.0.1:${this.ztunnel.metrics.port}/metrics`)).text();
  }

  atEnd(dispose: () => unknown): void {
    this.#disposers.push(dispose);
  }

  /** The graceful stop of the process; what is around it stays. */
  stopZtunnel(): Promise<void> {
    return this.#stopZtunnel();
  }

  async stop(): Promise<void> {
    for (const dispose of this.#disposers.splice(0).reverse()) await Promise.resolve(dispose());
  }

  async #start(options: WholeZtunnelOptions): Promise<void> {
    const { mesh, enrol } = options;
    const directory = mkdtempSync(join(tmpdir(), 'weft-ztunnel-'));
    this.atEnd(() => rmSync(directory, { recursive: true }));
    writeFileSync(join(directory, 'token'), 'token');
    await Promise.all([this.ads.listen(), this.ca.listen()]);
    this.atEnd(() => this.ads.close());
    this.atEnd(() => this.ca.close());
    const agents = this.#listenAsAgent(join(directory, 'ztunnel.sock'));
    const worker = await bundleWorker();
    this.atEnd(() => worker.remove());
    await this.#startZtunnel(directory, worker.entry, options);
    await this.ads.until(() => this.ads.streams[0]?.requests.length === 2);
    this.push(...mesh(this.pods));
    this.ads.streams[0]!.send(POLICY, []);
    await until(() => (agents[0]?.received.length ?? 0) > 0, 'ztunnel connects to the agent');
    for (const [index, name] of ['client', 'server'].entries()) {
      const pod = this.pods[index]!;
      if (enrol === undefined) pod.enrol();
      else await enrol(pod);
      const fd = duplicateDescriptor(pod.fd);
      const refusal = await agents[0]!.addPod(`uid-${name}`, name, fd);
      closeDescriptor(fd);
      if (refusal !== '') throw new Error(refusal);
    }
    await until(() => this.ca.requests.length >= 2, 'both identities are asked for');
  }

  #listenAsAgent(path: string): readonly FakeAgent[] {
    const agents: FakeAgent[] = [];
    const server = SeqPacketServer.listen(path);
    server.on('connection', (connection) => agents.push(new FakeAgent(connection)));
    this.atEnd(() => {
      server.close();
      for (const { connection } of agents) connection.close();
    });
    return agents;
  }

  async #startZtunnel(
    directory: string,
    entry: string,
    { env = {}, resolve, logFd }: WholeZtunnelOptions,
  ): Promise<void> {
    const config = parseConfig(
      {
        XDS_ADDRESS: `http://127.0.0.1:${this.ads.port}`,
        CA_ADDRESS: `http://127.0.0.1:${this.ca.port}`,
        AUTH_TOKEN: join(directory, 'token'),
        NODE_NAME: 'n1',
        INPOD_UDS: join(directory, 'ztunnel.sock'),
        CONNECTION_TERMINATION_DEADLINE: '4s',
        WEFT_ADMIN_PORT: '0',
        WEFT_METRICS_PORT: '0',
        WEFT_READINESS_PORT: '0',
        ...env,
      },
      2,
    );
    if (!config.ok) throw new Error(JSON.stringify(config.error));
    const write = (line: string) => this.lines.push(JSON.parse(line) as Record<string, unknown>);
    const logs = new LogScopes({
      format: 'json',
      filter: config.value.logFilter,
      ...(logFd === undefined ? { write } : { fd: logFd }),
    });
    this.#ztunnel = createZtunnel(config.value, {
      clock: systemClock,
      logs,
      dataPlane: (onMessage) => new DataPlane({ workers: 2, entry, log: logs.scope('dataplane'), onMessage }),
      ...(resolve === undefined ? {} : { resolve }),
      shutdown: () => undefined,
    });
    // Longer than connections may last, or they would be cut off before.
    this.#stopZtunnel = await startAll(this.#ztunnel.services, 10_000);
    this.atEnd(() => this.#stopZtunnel());
  }
}
