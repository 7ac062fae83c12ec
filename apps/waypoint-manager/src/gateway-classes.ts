import {
  objectKey,
  setCondition,
  StatusWriter,
  WorkQueue,
  type Condition,
  type Informer,
  type KubeClient,
  type KubeLog,
  type KubeObject,
} from '@weft/kube';
import { GATEWAY_CLASSES } from '@weft/mesh-api';
import type { Clock } from '@weft/result';
import { GATEWAY_KINDS, gatewayKindOf } from './gateway-kind.js';
import { SUPPORTED_FEATURES } from './supported-features.js';
import { FIELD_MANAGER } from './workloads/object-applier.js';

interface ClassStatus {
  readonly conditions: readonly Condition[];
  readonly supportedFeatures?: readonly { readonly name: string }[];
}
type ClassObject = KubeObject & { spec?: unknown; status?: ClassStatus };

export interface GatewayClassesOptions {
  readonly kube: KubeClient;
  readonly classes: Informer<KubeObject>;
  readonly clock: Clock;
  readonly log: KubeLog;
}

/** One term of leadership over GatewayClasses: makes those that are missing, and accepts those of our controllers. */
export class GatewayClasses {
  readonly #queue: WorkQueue;
  readonly #writer: StatusWriter<ClassObject>;
  #unsubscribe: () => void = () => undefined;

  constructor(private readonly options: GatewayClassesOptions) {
    const { kube, log } = options;
    this.#queue = new WorkQueue({ name: 'gateway classes', log, handle: (name) => this.#handle(name) });
    this.#writer = new StatusWriter<ClassObject>({ kube, type: GATEWAY_CLASSES, fieldManager: FIELD_MANAGER, log });
  }

  async start(): Promise<void> {
    await this.#writer.start();
    await this.#queue.start();
    const add = (object: KubeObject) => this.#queue.add(objectKey(object));
    this.#unsubscribe = this.options.classes.on({ added: add, updated: add, deleted: add });
    for (const { className } of GATEWAY_KINDS) this.#queue.add(className);
  }

  async stop(hard: AbortSignal): Promise<void> {
    this.#unsubscribe();
    await this.#queue.stop(hard);
    await this.#writer.stop(hard);
  }

  async #handle(name: string): Promise<undefined> {
    const { kube, classes } = this.options;
    const kind = GATEWAY_KINDS.find(({ className }) => className === name);
    const live = classes.get(undefined, name) as ClassObject | undefined;
    if (live !== undefined) this.#accept(live);
    else if (kind !== undefined) {
      const { controllerName, description } = kind;
      await kube.createOrGet<ClassObject>(GATEWAY_CLASSES, {
        apiVersion: GATEWAY_CLASSES.apiVersion,
        kind: GATEWAY_CLASSES.kind,
        metadata: { name },
        spec: { controllerName, description },
      });
    }
    return undefined;
  }

  #accept(object: ClassObject): void {
    const controllerName = GATEWAY_CLASSES.parse(object).spec?.controllerName ?? '';
    const kind = gatewayKindOf(controllerName);
    if (kind === undefined) return;
    const conditions = setCondition(
      object.status?.conditions.filter(({ type }) => type === 'Accepted'),
      {
        type: 'Accepted',
        status: 'True',
        reason: 'Accepted',
        message: 'Handled by the waypoint manager',
        observedGeneration: object.metadata?.generation ?? 0,
      },
      new Date(this.options.clock.now()).toISOString(),
    );
    const features = kind.proxy === null ? [] : SUPPORTED_FEATURES.map((name) => ({ name }));
    this.#writer.set(object, { conditions, ...(features.length > 0 && { supportedFeatures: features }) });
  }
}
