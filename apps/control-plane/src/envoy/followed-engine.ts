import { status } from '@grpc/grpc-js';
import { LABEL_GATEWAY_NAME, LABEL_POOL, objectMetaOf, poolClaimOf } from '@weft/mesh-api';
import type { MeshModel, PodObject } from '@weft/mesh-model';
import { err, ok, type Result } from '@weft/result';
import type { DeltaServer } from '@weft/xds';
import type { XdsCaller, XdsRefusal } from '@weft/xds-grpc';
import type { ProxylessEngines } from './proxyless-engines.js';
import type { WaypointEngines } from './waypoint-engines.js';

export interface FollowedEngineOptions {
  readonly model: MeshModel;
  /** Workloads and policies, for node proxies. */
  readonly mesh: DeltaServer;
  readonly waypoints: WaypointEngines;
  readonly proxyless: Pick<ProxylessEngines, 'engineFor'>;
  /** `namespace/serviceAccount` that may follow the whole mesh. */
  readonly trustedAccounts: ReadonlySet<string>;
}

/** `type~ip~pod.namespace~domain` */
const NODE_ID = /^([a-z]+)~[^~]*~([^~]+)\.([^.~]+)~[^~]*$/;

/** `<namespace>/<name>` of the pod that a node says it is. */
export function podOfNode(nodeId: string): string {
  const [, , pod = '', namespace = ''] = NODE_ID.exec(nodeId) ?? [];
  return `${namespace}/${pod}`;
}

export interface ProxyNode {
  readonly id: string;
  readonly metadata?: Readonly<Record<string, unknown>> | undefined;
}

/**
 * What a client follows. A waypoint, a gateway or a gRPC client is recognised by its pod as Kubernetes has it, never by what it says of itself: the pod
 * must run as the account of the token, and its label names the Gateway, its namespace what clients there are told.
 */
export class FollowedEngine {
  constructor(private readonly options: FollowedEngineOptions) {}

  engineFor(caller: XdsCaller, node: ProxyNode): Result<DeltaServer, XdsRefusal> {
    const [, type = '', , namespace = ''] = NODE_ID.exec(node.id) ?? [];
    const podKey = podOfNode(node.id);
    if (type === 'waypoint' || type === 'router') return this.#gateway(caller, podKey);
    if (type === 'sidecar' && node.metadata?.['GENERATOR'] === 'grpc') {
      const own = this.#ownPod(caller, podKey);
      return own.ok ? ok(this.options.proxyless.engineFor(namespace)) : own;
    }
    const { mesh, trustedAccounts } = this.options;
    if (trustedAccounts.has(caller.name)) return ok(mesh);
    return denied(`${caller.name} may not follow the mesh; see XDS_TRUSTED_ACCOUNTS`);
  }

  #ownPod({ name }: XdsCaller, podKey: string): Result<PodObject, XdsRefusal> {
    const pod = this.options.model.sources.pods.get(podKey);
    // It may be so new that its event is still on the way.
    if (pod === undefined) return unavailable(`pod ${podKey} is not known yet, try again`);
    const { namespace } = objectMetaOf(pod);
    return name === `${namespace}/${pod.spec?.serviceAccountName || 'default'}`
      ? ok(pod)
      : denied(`pod ${podKey} does not run as ${name}`);
  }

  #gateway(caller: XdsCaller, podKey: string): Result<DeltaServer, XdsRefusal> {
    const pod = this.#ownPod(caller, podKey);
    if (!pod.ok) return pod;
    const claim = poolClaimOf(pod.value, this.options.model.config.rootNamespace);
    const node = pod.value.spec?.nodeName ?? '';
    if (claim !== null) return this.#engineOf(claim.namespace, claim.gateway, node);
    const { namespace, labels } = objectMetaOf(pod.value);
    const gateway = labels[LABEL_GATEWAY_NAME];
    if (LABEL_POOL in labels) return unavailable(`pod ${podKey} is claimed by no Gateway yet`);
    if (gateway === undefined) return denied(`pod ${podKey} has no label ${LABEL_GATEWAY_NAME}`);
    return this.#engineOf(namespace, gateway, node);
  }

  #engineOf(namespace: string, gateway: string, node: string): Result<DeltaServer, XdsRefusal> {
    const engine = this.options.waypoints.ofLabel(namespace, gateway, node);
    return engine === undefined
      ? unavailable(`there is no configuration for Gateway ${namespace}/${gateway} yet, try again`)
      : ok(engine);
  }
}

const denied = (message: string): Result<never, XdsRefusal> => err({ code: status.PERMISSION_DENIED, message });
const unavailable = (message: string): Result<never, XdsRefusal> => err({ code: status.UNAVAILABLE, message });
