import { LeaderElector, setCondition, StatusWriter, type KubeClient, type KubeLog } from '@weft/kube';
import { statusKey, type MeshModel, type ResourceStatus, type StatusKind } from '@weft/mesh-model';
import type { Clock } from '@weft/result';
import type { Service } from '@weft/runtime';
import { AutomaticAddressWriter } from './automatic-address-writer.js';
import { PolicyStatusWriter } from './policy-status-writer.js';
import { RouteStatusWriter } from './route-status-writer.js';
import { seenObject } from './seen-object.js';
import { WaypointStatusWriter } from './waypoint-status-writer.js';
import { STATUS_TYPES, type MeshCondition, type MeshObject } from '../kube/kube-resources.js';

export interface StatusControllerOptions {
  readonly kube: KubeClient;
  readonly model: MeshModel;
  readonly namespace: string;
  readonly identity: string;
  readonly clock: Clock;
  readonly log: KubeLog;
  readonly onLeading: (leading: boolean) => void;
}

/** Of one part of statuses. `lead` writes until the returned function is called. */
interface Writer extends Pick<Service, 'start' | 'stop'> {
  lead(): () => void;
}

const FIELD_MANAGER = 'weft-control-plane';
const LEASE = 'weft-status-leader';

/** Writes what the model says of each mesh resource into its status, on one replica at a time. */
export class StatusController implements Service {
  readonly name = 'status writer';
  readonly #elector: LeaderElector;
  readonly #writers: ReadonlyMap<StatusKind, StatusWriter<MeshObject>>;
  readonly #more: readonly Writer[];

  constructor(private readonly options: StatusControllerOptions) {
    const { kube, namespace, identity, log } = options;
    this.#writers = new Map(
      Object.entries(STATUS_TYPES).map(([kind, type]) => [
        kind as StatusKind,
        new StatusWriter<MeshObject>({ kube, type, fieldManager: FIELD_MANAGER, log }),
      ]),
    );
    this.#more = [
      new RouteStatusWriter(options),
      new WaypointStatusWriter(options),
      new PolicyStatusWriter(options),
      new AutomaticAddressWriter(options),
    ];
    this.#elector = new LeaderElector({
      kube,
      namespace,
      name: LEASE,
      identity,
      log,
      lead: (signal) => this.#lead(signal),
    });
  }

  async start(): Promise<void> {
    for (const writer of this.#writers.values()) await writer.start();
    for (const writer of this.#more) await writer.start();
    await this.#elector.start();
  }

  async stop(hard: AbortSignal): Promise<void> {
    await this.#elector.stop();
    for (const writer of this.#writers.values()) await writer.stop(hard);
    for (const writer of this.#more) await writer.stop(hard);
  }

  #lead(signal: AbortSignal): void {
    const { model, onLeading } = this.options;
    onLeading(true);
    const end = model.statuses.subscribe((events) => {
      for (const event of events) {
        if (event.kind === 'deleted') this.#forget(event.oldValue);
        else this.#write(event.newValue);
      }
    });
    const endings = [end, ...this.#more.map((writer) => writer.lead())];
    signal.addEventListener('abort', () => {
      for (const finish of endings) finish();
      onLeading(false);
    });
  }

  #write(status: ResourceStatus): void {
    const { kube, model, clock, log } = this.options;
    const object = seenObject(model, status) as MeshObject | undefined;
    if (object === undefined || object.metadata?.deletionTimestamp !== undefined) return;
    const { condition, observedGeneration } = status;
    const writer = this.#writers.get(status.kind)!;
    if (condition === null) {
      if (isOurs(object)) writer.set(object, {});
      return;
    }
    const { type, accepted, reason, message } = condition;
    const wanted: MeshCondition = { type, status: accepted ? 'True' : 'False', reason, message, observedGeneration };
    const current = object.status?.conditions?.filter((one) => one.type === type) ?? [];
    const conditions = setCondition(current, wanted, new Date(clock.now()).toISOString());
    if (conditions === current && object.status?.observedGeneration === observedGeneration) return;
    writer.set(object, { conditions, observedGeneration });
    if (!accepted && current[0]?.message !== message) {
      kube.event({ ...object, ...kindOf(status.kind) }, 'Warning', reason, message);
      log.warn({ resource: statusKey(status), reason, message }, 'mesh resource not accepted as written');
    }
  }

  #forget(status: ResourceStatus): void {
    const { namespace, name } = status;
    this.#writers.get(status.kind)!.forget({ metadata: { namespace, name } });
  }
}

const kindOf = (kind: StatusKind) => ({ apiVersion: STATUS_TYPES[kind].apiVersion, kind });
const isOurs = (object: MeshObject): boolean =>
  object.status?.conditions?.some(({ type }) => type === 'ZtunnelAccepted' || type === 'Accepted') ?? false;
