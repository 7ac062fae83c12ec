import {
  CUSTOM_RESOURCE_DEFINITIONS,
  DAEMON_SETS,
  DEPLOYMENTS,
  EVENTS,
  keyOf,
  PODS,
  type DaemonSet,
  type Deployment,
  type KubeClient,
  type KubeObject,
} from '@weft/kube';
import { DeploymentError } from './errors.js';
import { ResourceKinds } from './resource-kinds.js';

const POLL_MS = 100;

/** Applies manifests and waits for them, telling in the end what is missing and why. */
export class Deployer {
  readonly #kinds: ResourceKinds;

  constructor(
    private readonly kube: KubeClient,
    private readonly crds: readonly KubeObject[],
  ) {
    this.#kinds = new ResourceKinds(crds);
  }

  async applyCrds(): Promise<void> {
    for (const crd of this.crds)
      await this.kube.apply(CUSTOM_RESOURCE_DEFINITIONS, crd, { fieldManager: 'weft-up', force: true });
    await this.#until(20_000, 'the custom resource definitions are served', async () => {
      const live = await this.kube.list(CUSTOM_RESOURCE_DEFINITIONS);
      const established = live.filter(({ status }) =>
        status?.conditions?.some(({ type, status: value }) => type === 'Established' && value === 'True'),
      );
      return established.length >= this.crds.length ? null : 'some are not established';
    });
  }

  async apply(objects: readonly KubeObject[]): Promise<void> {
    for (const object of objects)
      await this.kube.apply(this.#kinds.of(object), object, { fieldManager: 'weft-up', force: true });
  }

  /** Waits until every Deployment and DaemonSet of the namespaces runs; throws DeploymentError with the reasons otherwise. */
  async waitReady(namespaces: readonly string[], timeoutMs: number): Promise<void> {
    await this.#until(timeoutMs, `${namespaces.join(', ')} run`, async () => {
      const missing: string[] = [];
      for (const namespace of namespaces) {
        const [deployments, daemonSets] = await Promise.all([
          this.kube.list(DEPLOYMENTS, { namespace }),
          this.kube.list(DAEMON_SETS, { namespace }),
        ]);
        missing.push(...deployments.filter((item) => !deploymentReady(item)).map((item) => `Deployment ${name(item)}`));
        missing.push(...daemonSets.filter((item) => !daemonSetReady(item)).map((item) => `DaemonSet ${name(item)}`));
      }
      return missing.length === 0 ? null : missing.join(', ');
    });
  }

  async #until(timeoutMs: number, what: string, pending: () => Promise<string | null>): Promise<void> {
    const end = performance.now() + timeoutMs;
    for (;;) {
      const missing = await pending();
      if (missing === null) return;
      if (performance.now() > end) {
        throw new DeploymentError(
          `after ${timeoutMs / 1000} s it is not so that ${what}: ${missing}${await this.#reasons()}`,
        );
      }
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }

  /** Pods that do not run, and the latest warnings: what one would look up next. */
  async #reasons(): Promise<string> {
    const pods = (await this.kube.list(PODS)).filter(
      ({ status }) =>
        status?.phase !== 'Succeeded' &&
        !status?.conditions?.some(({ type, status: value }) => type === 'Ready' && value === 'True'),
    );
    const warnings = (await this.kube.list(EVENTS)).filter(({ type }) => type === 'Warning').slice(-8);
    return [
      ...pods.slice(0, 10).map((pod) => `\n  pod ${name(pod)} is ${pod.status?.phase ?? 'unknown'}`),
      ...warnings.map(
        (event) =>
          `\n  ${event.reason ?? ''} ${keyOf(event.involvedObject.namespace, event.involvedObject.name ?? '')}: ${event.message ?? ''}`,
      ),
    ].join('');
  }
}

const name = ({ metadata }: KubeObject): string => keyOf(metadata?.namespace, metadata?.name ?? '');

function deploymentReady({ metadata, spec, status }: Deployment): boolean {
  const want = spec?.replicas ?? 1;
  return (
    status?.observedGeneration === metadata?.generation &&
    (status?.readyReplicas ?? 0) >= want &&
    (status?.updatedReplicas ?? 0) >= want
  );
}

function daemonSetReady({ metadata, status }: DaemonSet): boolean {
  const want = status?.desiredNumberScheduled ?? 0;
  return (
    status?.observedGeneration === metadata?.generation &&
    want > 0 &&
    (status?.numberReady ?? 0) >= want &&
    (status?.updatedNumberScheduled ?? 0) >= want
  );
}
