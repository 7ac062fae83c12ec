import { cpus, release, totalmem } from 'node:os';
import { arch } from 'node:process';
import { isNotFound, LEASES, NODES, type KubeClient, type Node } from '@weft/kube';
import { toError, type Clock } from '@weft/result';
import type { Logger, Service } from '@weft/runtime';
import type { NodePlan } from '../cluster/cluster-options.js';

const LEASE_NAMESPACE = 'kube-node-lease';
const LEASE_SECONDS = 40;
const RENEW_MS = 10_000;
const MAX_PODS = '250';

export interface RegistrationOptions {
  readonly kube: KubeClient;
  readonly plan: NodePlan;
  readonly clock: Clock;
  readonly log: Logger;
}

/** The Node object of one node, and the Lease that says that it lives. */
export class NodeRegistration implements Service {
  readonly name: string;
  #cancel: () => void = () => undefined;
  #renewing: Promise<void> = Promise.resolve();

  constructor(private readonly options: RegistrationOptions) {
    this.name = `registration of ${options.plan.name}`;
  }

  async start(): Promise<void> {
    const { kube, plan } = this.options;
    const node = nodeObject(plan, this.#now());
    const { status, ...rest } = node;
    const existing = await kube.createOrGet(NODES, rest);
    if (
      existing.metadata?.labels?.['kubernetes.io/hostname'] === undefined ||
      existing.spec?.podCIDR !== plan.podCidr
    ) {
      await kube.patch(NODES, undefined, plan.name, rest, { kind: 'merge' });
    }
    await kube.patch(NODES, undefined, plan.name, { status }, { kind: 'merge', subresource: 'status' });
    await this.#renew();
    this.#schedule();
  }

  async stop(): Promise<void> {
    this.#cancel();
    await this.#renewing;
  }

  #schedule(): void {
    this.#cancel = this.options.clock.after(RENEW_MS, () => {
      this.#renewing = this.#renew()
        .catch((thrown: unknown) =>
          this.options.log.warn(
            { err: toError(thrown).message, node: this.options.plan.name },
            'cannot renew the node lease',
          ),
        )
        .then(() => this.#schedule());
    });
  }

  async #renew(): Promise<void> {
    const { kube, plan } = this.options;
    const renewTime = new Date(this.options.clock.now()).toISOString().replace('Z', '000Z');
    const spec = { holderIdentity: plan.name, leaseDurationSeconds: LEASE_SECONDS, renewTime };
    try {
      await kube.patch(LEASES, LEASE_NAMESPACE, plan.name, { spec }, { kind: 'merge' });
    } catch (failure) {
      if (!isNotFound(failure)) throw failure;
      await kube.create(LEASES, { metadata: { name: plan.name, namespace: LEASE_NAMESPACE }, spec });
    }
  }

  #now(): string {
    return new Date(this.options.clock.now()).toISOString().replace(/\.\d+Z$/, 'Z');
  }
}

const ARCHITECTURES: Readonly<Record<string, string>> = { x64: 'amd64', arm64: 'arm64' };

/** What a kubelet says of its node. */
function nodeObject(plan: NodePlan, now: string): Node {
  const architecture = ARCHITECTURES[arch] ?? arch;
  const resources = {
    cpu: String(cpus().length),
    memory: `${Math.floor(totalmem() / 1024)}Ki`,
    pods: MAX_PODS,
    'ephemeral-storage': '100Gi',
  };
  const condition = (type: string, status: string, reason: string, message: string) => ({
    type,
    status,
    reason,
    message,
    lastHeartbeatTime: now,
    lastTransitionTime: now,
  });
  return {
    metadata: {
      name: plan.name,
      labels: {
        'kubernetes.io/hostname': plan.name,
        'kubernetes.io/os': 'linux',
        'kubernetes.io/arch': architecture,
        ...(plan.region === undefined ? {} : { 'topology.kubernetes.io/region': plan.region }),
        ...(plan.zone === undefined ? {} : { 'topology.kubernetes.io/zone': plan.zone }),
        ...plan.labels,
      },
    },
    spec: { podCIDR: plan.podCidr, podCIDRs: plan.families.map(({ podCidr }) => podCidr) },
    status: {
      addresses: [
        ...plan.families.map(({ address }) => ({ type: 'InternalIP', address })),
        { type: 'Hostname', address: plan.name },
      ],
      capacity: resources,
      allocatable: resources,
      conditions: [
        condition('MemoryPressure', 'False', 'KubeletHasSufficientMemory', 'kubelet has sufficient memory available'),
        condition('DiskPressure', 'False', 'KubeletHasNoDiskPressure', 'kubelet has no disk pressure'),
        condition('PIDPressure', 'False', 'KubeletHasSufficientPID', 'kubelet has sufficient PID available'),
        condition('Ready', 'True', 'KubeletReady', 'kubelet is posting ready status'),
      ],
      daemonEndpoints: { kubeletEndpoint: { Port: 10250 } },
      nodeInfo: {
        architecture,
        bootID: '',
        containerRuntimeVersion: 'weft://0.1.0',
        kernelVersion: release(),
        kubeProxyVersion: '',
        kubeletVersion: 'v1.32.0',
        machineID: '',
        operatingSystem: 'linux',
        osImage: 'weft local cluster',
        systemUUID: '',
      },
    },
  };
}
