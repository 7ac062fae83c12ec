import { SERVICES, setCondition, StatusWriter, type KubeClient, type KubeLog, type ResourceType } from '@weft/kube';
import { WAYPOINT_BOUND, type MeshModel, type WaypointStatus } from '@weft/mesh-model';
import type { Clock } from '@weft/result';
import { SERVICE_ENTRIES, type MeshObject } from '../kube/kube-resources.js';

export interface WaypointStatusWriterOptions {
  readonly kube: KubeClient;
  readonly model: MeshModel;
  readonly clock: Clock;
  readonly log: KubeLog;
}

/** Another one than that of the other conditions, so that each is complete by itself. */
const FIELD_MANAGER = 'weft-control-plane-waypoints';
const TYPES: Readonly<Record<WaypointStatus['kind'], ResourceType<MeshObject>>> = {
  Service: SERVICES,
  ServiceEntry: SERVICE_ENTRIES,
};

/** Tells Services and ServiceEntries that ask for a waypoint what became of it. */
export class WaypointStatusWriter {
  readonly #writers: Readonly<Record<WaypointStatus['kind'], StatusWriter<MeshObject>>>;

  constructor(private readonly options: WaypointStatusWriterOptions) {
    const { kube, log } = options;
    const writer = (type: ResourceType<MeshObject>) =>
      new StatusWriter<MeshObject>({ kube, type, fieldManager: FIELD_MANAGER, log });
    this.#writers = { Service: writer(TYPES.Service), ServiceEntry: writer(TYPES.ServiceEntry) };
  }

  async start(): Promise<void> {
    for (const writer of Object.values(this.#writers)) await writer.start();
  }

  async stop(hard: AbortSignal): Promise<void> {
    for (const writer of Object.values(this.#writers)) await writer.stop(hard);
  }

  /** Writes until the returned function is called; for the leader only. */
  lead(): () => void {
    return this.options.model.waypointStatuses.subscribe((events) => {
      for (const event of events) {
        if (event.kind === 'deleted') this.#takeBack(event.oldValue);
        else this.#write(event.newValue);
      }
    });
  }

  #write(status: WaypointStatus): void {
    const object = this.#objectOf(status);
    if (object === undefined) return;
    const { bound, reason, message, observedGeneration } = status;
    const current = object.status?.conditions?.filter(({ type }) => type === WAYPOINT_BOUND) ?? [];
    const wanted = { type: WAYPOINT_BOUND, status: bound ? 'True' : 'False', reason, message, observedGeneration };
    const conditions = setCondition(current, wanted, new Date(this.options.clock.now()).toISOString());
    if (conditions === current) return;
    this.#writers[status.kind].set(object, { conditions });
    if (!bound) this.options.kube.event({ ...object, ...kindOf(status.kind) }, 'Warning', reason, message);
  }

  /** It asks for none any more, or is gone. */
  #takeBack(status: WaypointStatus): void {
    const object = this.#objectOf(status);
    const writer = this.#writers[status.kind];
    if (object === undefined) writer.forget({ metadata: { namespace: status.namespace, name: status.name } });
    else writer.set(object, {});
  }

  #objectOf({ kind, namespace, name }: WaypointStatus): MeshObject | undefined {
    const { services, serviceEntries } = this.options.model.sources;
    return (kind === 'Service' ? services : serviceEntries).get(`${namespace}/${name}`) as MeshObject | undefined;
  }
}

const kindOf = (kind: WaypointStatus['kind']) => ({ apiVersion: TYPES[kind].apiVersion, kind });
