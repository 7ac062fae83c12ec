import { shortName } from '@weft/gateway-api';
import {
  DEPLOYMENTS,
  HORIZONTAL_POD_AUTOSCALERS,
  POD_DISRUPTION_BUDGETS,
  SERVICE_ACCOUNTS,
  SERVICES,
  type KubeObject,
  type ResourceType,
} from '@weft/kube';
import {
  ANNOTATION_SCALES_TO_ZERO,
  ANNOTATION_TRAFFIC_DISTRIBUTION,
  DATAPLANE_MODE_NONE,
  LABEL_CANONICAL_NAME,
  LABEL_CANONICAL_REVISION,
  LABEL_DATAPLANE_MODE,
  LABEL_GATEWAY_NAME,
  LABEL_NETWORK,
  LABEL_SIDECAR_INJECT,
  type GatewaySpec,
  type Listener,
  type ObjectMeta,
} from '@weft/mesh-api';
import type { WaypointManagerConfig } from '../config.js';
import type { ProxyKind } from '../gateway-kind.js';
import { ANNOTATION_SERVICE_ACCOUNT, objectName } from './names.js';
import { PARAMETER_KEYS, type ParameterKey, type Parameters } from './parameters.js';
import type { Placement } from './placement.js';
import { podTemplate } from './pod-template.js';
import { serviceSpec } from './service-of.js';
import { strategicMerge } from './strategic-merge.js';

export const LABEL_MANAGED = 'gateway.istio.io/managed';
const LABEL_GATEWAY_CLASS_NAME = 'gateway.networking.k8s.io/gateway-class-name';
/** Neither the Gateway API's own nor ours: they speak of the Gateway, and change without its proxies having to. */
const RESERVED_PREFIXES = ['gateway.networking.k8s.io/', 'weft.io/'];
const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration';

export const OBJECT_TYPES: Readonly<Record<ParameterKey, ResourceType<KubeObject>>> = {
  serviceAccount: SERVICE_ACCOUNTS,
  service: SERVICES,
  deployment: DEPLOYMENTS,
  horizontalPodAutoscaler: HORIZONTAL_POD_AUTOSCALERS,
  podDisruptionBudget: POD_DISRUPTION_BUDGETS,
};

/** Its proxies are no Deployment's. */
const NOT_OF_THE_POOL: ReadonlySet<ParameterKey> = new Set([
  'deployment',
  'horizontalPodAutoscaler',
  'podDisruptionBudget',
]);

/** What a Gateway asks for, with its patches. */
export interface GatewayRequest {
  readonly config: WaypointManagerConfig;
  readonly proxy: ProxyKind;
  readonly className: string;
  readonly meta: ObjectMeta;
  readonly spec: GatewaySpec;
  /** With those of its ListenerSets. */
  readonly listeners: readonly Listener[];
  /** That its Service is to have. */
  readonly addresses: readonly string[];
  readonly network: string | undefined;
  readonly placement: Placement;
  readonly parameters: Parameters;
  /** Its pods may all be asleep, and whoever needs them may ask for them. */
  readonly startable: boolean;
}

/** One object as it is to be applied. */
export interface DesiredObject {
  readonly key: ParameterKey;
  readonly object: KubeObject;
}

/** All that is made for a Gateway. The autoscaler and the disruption budget only when parameters ask for them. */
export function desiredObjects(request: GatewayRequest): readonly DesiredObject[] {
  const { meta, parameters } = request;
  const base = baseObjects(request);
  return PARAMETER_KEYS.flatMap((key) => {
    const patches = parameters[key] ?? [];
    const optional = key === 'horizontalPodAutoscaler' || key === 'podDisruptionBudget';
    if (optional && patches.length === 0) return [];
    if (request.placement === 'pool' && NOT_OF_THE_POOL.has(key)) return [];
    const patched = patches.reduce(strategicMerge, base[key] as unknown as Readonly<Record<string, unknown>>);
    return [{ key, object: identified(patched, base[key], meta) }];
  });
}

/** Name, namespace, owner and the labels by which we know our own are not for parameters to change. */
function identified(patched: KubeObject, base: KubeObject, { namespace }: ObjectMeta): KubeObject {
  const { name, ownerReferences, labels } = base.metadata!;
  return {
    ...patched,
    metadata: {
      ...patched.metadata,
      name: name!,
      namespace,
      ownerReferences: ownerReferences!,
      labels: { ...patched.metadata?.labels, [LABEL_MANAGED]: labels![LABEL_MANAGED]! },
    },
  };
}

function baseObjects(request: GatewayRequest): Readonly<Record<ParameterKey, KubeObject>> {
  const { config, proxy, className, meta, network, placement } = request;
  const name = objectName(meta, className, proxy);
  const gatewayName = shortName(meta.name);
  const { labels, annotations } = infrastructure(request);
  const selector = { [LABEL_GATEWAY_NAME]: gatewayName };
  const common = {
    ...labels,
    ...selector,
    [LABEL_GATEWAY_CLASS_NAME]: shortName(className),
    [LABEL_MANAGED]: proxy.managedBy,
  };
  const serviceAccount = meta.annotations[ANNOTATION_SERVICE_ACCOUNT] ?? name;
  const metadata = (objectLabels: Readonly<Record<string, string>>, more: Readonly<Record<string, string>> = {}) => ({
    name,
    namespace: meta.namespace,
    labels: objectLabels,
    annotations: { ...annotations, ...more },
    ownerReferences: [ownerReference(meta)],
  });
  const podLabels = {
    ...common,
    [LABEL_SIDECAR_INJECT]: 'false',
    [LABEL_CANONICAL_NAME]: name,
    [LABEL_CANONICAL_REVISION]: 'latest',
    // Differs from Istio, which leaves gateways at the edge to their namespace: the proxy speaks HBONE by itself.
    [LABEL_DATAPLANE_MODE]: DATAPLANE_MODE_NONE,
    ...(network !== undefined && { [LABEL_NETWORK]: network }),
  };
  const startable = request.startable ? { [ANNOTATION_SCALES_TO_ZERO]: 'true' } : {};
  const near = proxy.role === 'waypoint' ? { [ANNOTATION_TRAFFIC_DISTRIBUTION]: 'PreferClose' } : {};
  const template = podTemplate({ config, proxy, placement, serviceAccount, network, labels: podLabels, annotations });
  const target = { apiVersion: 'apps/v1', kind: 'Deployment', name };
  const objects = {
    serviceAccount: { metadata: { ...metadata(common), name: serviceAccount } },
    service: {
      metadata: metadata(
        { ...common, ...(network !== undefined && { [LABEL_NETWORK]: network }) },
        { ...near, ...startable },
      ),
      spec: serviceSpec({ gateway: meta, proxy, listeners: request.listeners, selector, addresses: request.addresses }),
    },
    deployment: { metadata: metadata(common), spec: { selector: { matchLabels: selector }, template } },
    horizontalPodAutoscaler: { metadata: metadata(common), spec: { scaleTargetRef: target, maxReplicas: 1 } },
    podDisruptionBudget: { metadata: metadata(common), spec: { selector: { matchLabels: selector } } },
  } as const;
  return Object.fromEntries(
    Object.entries(objects).map(([key, object]) => [key, { ...kindOf(key as ParameterKey), ...object }]),
  ) as unknown as Readonly<Record<ParameterKey, KubeObject>>;
}

const kindOf = (key: ParameterKey): KubeObject => ({
  apiVersion: OBJECT_TYPES[key].apiVersion,
  kind: OBJECT_TYPES[key].kind,
});

/** What the Gateway says of its infrastructure, else its own labels and annotations. */
function infrastructure({ meta, spec }: GatewayRequest): {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
} {
  const said = spec.infrastructure;
  const own = (entries: Readonly<Record<string, string>>) =>
    Object.fromEntries(
      Object.entries(entries).filter(
        ([key]) => !RESERVED_PREFIXES.some((prefix) => key.startsWith(prefix)) && key !== LAST_APPLIED,
      ),
    );
  const given = said !== undefined && Object.keys({ ...said.labels, ...said.annotations }).length > 0;
  return given
    ? { labels: own(said.labels), annotations: own(said.annotations) }
    : { labels: own(meta.labels), annotations: own(meta.annotations) };
}

function ownerReference({ name, uid }: ObjectMeta) {
  return { apiVersion: 'gateway.networking.k8s.io/v1', kind: 'Gateway', name, uid };
}
