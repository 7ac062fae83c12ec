import type { KubeClient, KubeObject } from '@weft/kube';
import { ANNOTATION_ACTIVATION_REQUESTED, GATEWAYS, objectMetaOf } from '@weft/mesh-api';
import type { MeshModel } from '@weft/mesh-model';
import { toError, type Clock } from '@weft/result';
import type { Service } from '@weft/runtime';

export interface WaypointActivatorOptions {
  readonly kube: Pick<KubeClient, 'patch'>;
  readonly model: MeshModel;
  /** `namespace/hostname` of the waypoints' services that node proxies and gateways hold connections for. */
  readonly wanted: () => ReadonlySet<string>;
  readonly clock: Clock;
  readonly log: { info(fields: object, message: string): void; warn(fields: object, message: string): void };
  readonly onRequested: () => void;
}

/** A request is repeated while connections wait, in case the one before came when the Gateway was just being put to sleep. */
const REPEAT_MS = 3000;

/**
 * Hands the wish of node proxies and gateways for a sleeping waypoint on to whoever scales it, as an annotation of the Gateway: it
 * outlives either process, and a hundred nodes that ask at once are one write.
 */
export class WaypointActivator implements Service {
  readonly name = 'activation of waypoints';
  /** By Gateway, until it may be asked for again. */
  readonly #recent = new Map<string, () => void>();
  #stopped = false;

  constructor(private readonly options: WaypointActivatorOptions) {}

  start(): Promise<void> {
    return Promise.resolve();
  }

  stop(): Promise<void> {
    this.#stopped = true;
    for (const cancel of this.#recent.values()) cancel();
    this.#recent.clear();
    return Promise.resolve();
  }

  /** Somebody waits for something that they did not wait for before. */
  asked(): void {
    if (this.#stopped) return;
    for (const name of this.options.wanted()) {
      const gateway = this.#gatewayOf(name);
      if (gateway !== null && !this.#recent.has(gateway)) this.#request(gateway);
    }
  }

  /** The Gateway whose proxies the service leads to, if they may be asleep. */
  #gatewayOf(name: string): string | null {
    const claim = this.options.model.services.get(name)?.claim;
    if (claim?.kind !== 'Service' || !claim.activatable) return null;
    const { namespace, name: service } = claim.meta;
    const object = this.options.model.sources.services.get(`${namespace}/${service}`) as KubeObject | undefined;
    const owner = object?.metadata?.ownerReferences?.find(({ kind }) => kind === GATEWAYS.kind);
    return owner === undefined ? null : `${namespace}/${owner.name}`;
  }

  #request(gateway: string): void {
    const { kube, model, clock, log, onRequested } = this.options;
    const repeat = clock.after(REPEAT_MS, () => {
      this.#recent.delete(gateway);
      this.asked();
    });
    this.#recent.set(gateway, repeat);
    const object = model.sources.gateways.get(gateway);
    if (object === undefined) return;
    const { namespace, name } = objectMetaOf(object);
    const at = new Date(clock.now()).toISOString();
    const patch = { metadata: { annotations: { [ANNOTATION_ACTIVATION_REQUESTED]: at } } };
    onRequested();
    kube.patch(GATEWAYS, namespace, name, patch, { kind: 'merge' }).then(
      () => log.info({ gateway }, 'connections wait for a waypoint that is asleep: it is asked for'),
      (thrown: unknown) =>
        log.warn(
          { gateway, err: toError(thrown).message },
          'a waypoint that is asleep could not be asked for; trying again',
        ),
    );
  }
}
