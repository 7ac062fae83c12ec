import { CONTROLLERS, shortName } from '@weft/gateway-api';
import {
  KubeApiError,
  objectKey,
  splitKey,
  type ConfigMap,
  type Deployment,
  type Informer,
  type KubeObject,
  type KubeService,
  type Namespace,
} from '@weft/kube';
import {
  ANNOTATION_SCALES_TO_ZERO,
  GATEWAY_CLASSES,
  GATEWAYS,
  LABEL_NETWORK,
  LABEL_REVISION,
  type GatewaySpec,
  type ParsedResource,
} from '@weft/mesh-api';
import type { WaypointManagerConfig } from './config.js';
import { ANNOTATION_SCALING, readScaling, type ScalingSettings } from './scaling/scaling-settings.js';
import { gatewayKindOf, type GatewayKind } from './gateway-kind.js';
import type { ListenerSets } from './listener-sets.js';
import { desiredObjects, type GatewayRequest } from './workloads/desired-objects.js';
import { askedAddresses, type AskedAddresses } from './workloads/asked-addresses.js';
import type { PoolCustomer } from './pool/proxy-pool.js';
import { ANNOTATION_SERVICE_ACCOUNT, objectName } from './workloads/names.js';
import { placementOf, PLACEMENTS, type AskedPlacement } from './workloads/placement.js';
import type { ApplyOutcome, ObjectApplier } from './workloads/object-applier.js';
import { readParameters, type Parameters } from './workloads/parameters.js';

export const LABEL_CLASS_DEFAULTS = 'gateway.istio.io/defaults-for-class';
export const ANNOTATION_CONTROLLER_VERSION = 'gateway.istio.io/controller-version';
/** Of several generations of controllers the newest has a Gateway. */
export const CONTROLLER_VERSION = 5;

export interface GatewayInformers {
  readonly gateways: Informer<KubeObject>;
  readonly classes: Informer<KubeObject>;
  readonly configMaps: Informer<ConfigMap>;
  readonly namespaces: Informer<Namespace>;
  readonly deployments: Pick<Informer<Deployment>, 'get'>;
  readonly services: Pick<Informer<KubeService>, 'get'>;
}

/** What was made for a Gateway, for its status to tell. */
export interface GatewayResult {
  readonly object: KubeObject;
  readonly gateway: ParsedResource<GatewaySpec>;
  readonly kind: GatewayKind;
  /** Name of Service and Deployment; null if none are made. */
  readonly workload: string | null;
  readonly asked: AskedAddresses;
  /** Why the server does not take a Service with the addresses; it was made without them. */
  readonly refusedAddress: string | null;
  /** What keeps it from being made as asked: reason and message. */
  readonly problem: { readonly reason: string; readonly message: string } | null;
  /** Null if nothing is made. */
  readonly scaling: ScalingSettings | null;
  /** Who claims proxies of the pool for it; null if they are run for it alone. */
  readonly pool: PoolCustomer | null;
}

/** Makes what one Gateway asks for. */
export class GatewayReconciler {
  constructor(
    private readonly config: WaypointManagerConfig,
    private readonly informers: GatewayInformers,
    private readonly applier: ObjectApplier,
    private readonly listenerSets: Pick<ListenerSets, 'groupsOf'>,
  ) {}

  /** Null: the Gateway is gone, or not ours. */
  async reconcile(key: string): Promise<GatewayResult | null> {
    const { namespace, name } = splitKey(key);
    const object = this.informers.gateways.get(namespace, name);
    if (object === undefined || object.metadata?.deletionTimestamp !== undefined) return null;
    const gateway = GATEWAYS.parse(object);
    const className = classNameOf(object);
    const kind = this.kindOf(className);
    if (kind === undefined || !this.#isMine(gateway)) return null;
    const { spec, meta } = gateway;
    const asked = spec === null ? NOTHING_ASKED : askedAddresses(spec);
    const result = { object, gateway, kind, asked };
    if (spec === null || kind.proxy === null || asked.hostnames.length > 0) return { ...result, ...NOTHING_MADE };
    const { parameters, problem: badParameters, place, ...read } = this.#parameters(gateway, className);
    const mayWake = kind.controllerName === CONTROLLERS.waypoint;
    const scaling = mayWake ? read.scaling : { ...read.scaling, toZero: false };
    const notZero = read.scaling.toZero && !mayWake ? NOBODY_WAKES : null;
    const noPool = place.placement === 'pool' && (this.config.pool.size === 0 || !mayWake);
    const placement = noPool ? 'in-cluster' : place.placement;
    const problem = placement === null ? noSuchPlace(place) : noPool ? withoutPool(place) : (badParameters ?? notZero);
    const network = meta.labels[LABEL_NETWORK] ?? this.#clusterNetwork();
    const workload = objectName(meta, className, kind.proxy);
    const request = {
      config: this.config,
      proxy: kind.proxy,
      className,
      meta,
      spec,
      listeners: this.listenerSets.groupsOf({ meta, spec }).flatMap(({ listeners }) => listeners),
      network,
      placement: placement ?? 'in-cluster',
      parameters,
      startable: scaling.toZero || this.#isBeingWoken(meta.namespace, workload),
    };
    const { outcome, refusedAddress } = await this.#make(request, asked.ips);
    return {
      ...result,
      workload,
      refusedAddress,
      problem: problem ?? foreignProblem(outcome),
      scaling,
      pool:
        placement === 'pool'
          ? {
              key,
              uid: meta.uid,
              serviceAccount: meta.annotations[ANNOTATION_SERVICE_ACCOUNT] ?? workload,
              podLabel: shortName(meta.name),
            }
          : null,
    };
  }

  /** Without the addresses if the server refuses them: a Gateway with another address is better than none. */
  async #make(
    request: Omit<GatewayRequest, 'addresses'>,
    addresses: readonly string[],
  ): Promise<{ readonly outcome: ApplyOutcome; readonly refusedAddress: string | null }> {
    const apply = (some: readonly string[]) =>
      this.applier.apply(request.meta, desiredObjects({ ...request, addresses: some }));
    try {
      return { outcome: await apply(addresses), refusedAddress: null };
    } catch (failure) {
      const refused = addresses.length === 0 ? null : addressRefusal(failure);
      if (refused === null) throw failure;
      return { outcome: await apply([]), refusedAddress: refused };
    }
  }

  /** It may not sleep any more, but its first pod is not ready yet: until then connections are still to wait for it. */
  #isBeingWoken(namespace: string, workload: string): boolean {
    const service = this.informers.services.get(namespace, workload);
    const ready = this.informers.deployments.get(namespace, workload)?.status?.readyReplicas ?? 0;
    return service?.metadata?.annotations?.[ANNOTATION_SCALES_TO_ZERO] === 'true' && ready === 0;
  }

  /** The kind of a class that the cluster has. */
  kindOf(className: string): GatewayKind | undefined {
    const gatewayClass = this.informers.classes.get(undefined, className);
    const controller =
      gatewayClass === undefined ? undefined : GATEWAY_CLASSES.parse(gatewayClass).spec?.controllerName;
    return controller === undefined ? undefined : gatewayKindOf(controller);
  }

  /** Keys of the Gateways that a ConfigMap customises, or has roots for. */
  gatewaysOfConfigMap({ metadata }: ConfigMap): readonly string[] {
    const defaultsFor = metadata?.labels?.[LABEL_CLASS_DEFAULTS];
    return this.informers.gateways
      .list()
      .filter((gateway) => {
        const isDefault = metadata?.namespace === this.config.namespace && classNameOf(gateway) === defaultsFor;
        const { meta, spec } = GATEWAYS.parse(gateway);
        const reference = spec?.infrastructure?.parametersRef;
        const customises = meta.namespace === metadata?.namespace && reference?.name === metadata.name;
        return isDefault || customises || rootsOf(spec).includes(metadata?.name ?? '');
      })
      .map(objectKey);
  }

  #isMine({ meta }: ParsedResource<GatewaySpec>): boolean {
    const revision = meta.labels[LABEL_REVISION] ?? this.config.revision;
    const version = Number(meta.annotations[ANNOTATION_CONTROLLER_VERSION] ?? '0');
    return revision === this.config.revision && !(version > CONTROLLER_VERSION);
  }

  #clusterNetwork(): string | undefined {
    return this.informers.namespaces.get(undefined, this.config.namespace)?.metadata?.labels?.[LABEL_NETWORK];
  }

  /** Defaults of the class first, then what the Gateway refers to. */
  #parameters(
    { meta, spec }: ParsedResource<GatewaySpec>,
    className: string,
  ): {
    readonly parameters: Parameters;
    readonly scaling: ScalingSettings;
    readonly place: AskedPlacement;
    readonly problem: GatewayResult['problem'];
  } {
    const { configMaps } = this.informers;
    const defaults = configMaps
      .list()
      .filter(
        ({ metadata }) =>
          metadata?.namespace === this.config.namespace && metadata.labels?.[LABEL_CLASS_DEFAULTS] === className,
      )
      .sort((a, b) => (objectKey(a) < objectKey(b) ? -1 : 1));
    const reference = spec?.infrastructure?.parametersRef;
    const annotation = meta.annotations[ANNOTATION_SCALING];
    const invalid = (message: string) => ({
      parameters: readParameters(defaults).parameters,
      scaling: readScaling(defaults, annotation).settings,
      place: placementOf(meta, defaults),
      problem: { reason: 'InvalidParameters', message },
    });
    if (reference !== undefined && (reference.group !== '' || reference.kind !== 'ConfigMap'))
      return invalid(
        `spec.infrastructure.parametersRef: ${reference.group}/${reference.kind} cannot be read; use a ConfigMap with group ""`,
      );
    const own = reference === undefined ? undefined : configMaps.get(meta.namespace, reference.name);
    if (reference !== undefined && own === undefined)
      return invalid(
        `spec.infrastructure.parametersRef: there is no ConfigMap ${meta.namespace}/${reference.name}; create it or correct the name`,
      );
    const all = own === undefined ? defaults : [...defaults, own];
    const { parameters, problems } = readParameters(all);
    const { settings, problems: badScaling } = readScaling(all, annotation);
    const twoOwners = settings.byLoad !== null && parameters.horizontalPodAutoscaler !== undefined;
    const messages = [
      ...problems.map((one) => `${one.key}: ${one.problem}`),
      ...badScaling,
      ...(twoOwners ? [TWO_OWNERS] : []),
    ];
    return {
      parameters,
      place: placementOf(meta, all),
      scaling: twoOwners ? { ...settings, byLoad: null } : settings,
      problem: messages.length === 0 ? null : { reason: 'InvalidParameters', message: messages.join('; ') },
    };
  }
}

/** Names of the ConfigMaps that clients are verified with, in whatever namespace. */
function rootsOf(spec: GatewaySpec | null): readonly string[] {
  const { frontend } = spec?.tls ?? {};
  const all = [frontend?.default, ...(frontend?.perPort ?? []).map(({ tls }) => tls)];
  return all.flatMap((one) => (one?.validation?.caCertificateRefs ?? []).map(({ name }) => name));
}

const NOBODY_WAKES = {
  reason: 'InvalidParameters',
  message: 'scaling toZero: only a waypoint can be started by its first connection; leave it out',
};

const TWO_OWNERS =
  'scaling maxReplicas: there is a horizontalPodAutoscaler, too, and it has the number of replicas; keep one of the two';

const NOTHING_MADE = { workload: null, refusedAddress: null, problem: null, scaling: null, pool: null };

const withoutPool = ({ where }: AskedPlacement): GatewayResult['problem'] => ({
  reason: 'InvalidParameters',
  message: `${where}: there is no pool for this class; the waypoint manager needs POOL_SIZE, and the Gateway a waypoint class`,
});

const noSuchPlace = ({ where }: AskedPlacement): GatewayResult['problem'] => ({
  reason: 'InvalidParameters',
  message: `${where}: there is no such place; use ${PLACEMENTS.join(', ')}`,
});

export function classNameOf(object: KubeObject): string {
  const name = (object as { spec?: { gatewayClassName?: unknown } }).spec?.gatewayClassName;
  return typeof name === 'string' ? name : '';
}

const NOTHING_ASKED: AskedAddresses = { ips: [], hostnames: [], unsupported: null };

/** What the server says of the addresses of a Service; null: it refused something else. */
function addressRefusal(failure: unknown): string | null {
  if (!(failure instanceof KubeApiError) || failure.reason !== 'Invalid') return null;
  const causes = failure.details?.causes ?? [];
  const ofAddress = causes.find(({ field }) => /^spec\.(clusterIP|loadBalancerIP)/.test(field ?? ''));
  return ofAddress === undefined ? null : (ofAddress.message ?? failure.message);
}

function foreignProblem({ foreign }: ApplyOutcome): GatewayResult['problem'] {
  if (foreign.length === 0) return null;
  const message = `${foreign.join(', ')} was not made for a Gateway and is left alone; rename the Gateway, or delete it`;
  return { reason: 'Invalid', message };
}
