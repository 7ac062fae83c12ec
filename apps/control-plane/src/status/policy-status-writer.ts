import { isDeepStrictEqual } from 'node:util';
import { StatusWriter, type KubeClient, type KubeLog, type KubeObject } from '@weft/kube';
import { BACKEND_TLS_POLICIES } from '@weft/mesh-api';
import type { BackendTlsStatus, MeshModel, PolicyAncestorStatus } from '@weft/mesh-model';
import type { Clock } from '@weft/result';
import { entriesOfOthers, referenceEntry, type ReferenceEntry } from './reference-entries.js';

type Ancestor = ReferenceEntry<'ancestorRef', PolicyAncestorStatus['ancestorRef']>;
type PolicyObject = KubeObject & { status?: { ancestors?: readonly Ancestor[] } };

export interface PolicyStatusWriterOptions {
  readonly kube: KubeClient;
  readonly model: MeshModel;
  readonly clock: Clock;
  readonly log: KubeLog;
}

const FIELD_MANAGER = 'weft-control-plane';

/** Brings the status of BackendTLSPolicies to the server, ancestor by ancestor. */
export class PolicyStatusWriter {
  readonly #writer: StatusWriter<PolicyObject>;

  constructor(private readonly options: PolicyStatusWriterOptions) {
    const { kube, log } = options;
    this.#writer = new StatusWriter<PolicyObject>({
      kube,
      type: BACKEND_TLS_POLICIES,
      fieldManager: FIELD_MANAGER,
      log,
    });
  }

  start(): Promise<void> {
    return this.#writer.start();
  }

  stop(hard: AbortSignal): Promise<void> {
    return this.#writer.stop(hard);
  }

  /** Writes until the returned function is called; for the leader only. */
  lead(): () => void {
    return this.options.model.backendTlsStatuses.subscribe((events) => {
      for (const event of events) {
        if (event.kind === 'deleted') {
          const { namespace, name } = event.oldValue;
          this.#writer.forget({ metadata: { namespace, name } });
        } else this.#write(event.newValue);
      }
    });
  }

  #write({ namespace, name, observedGeneration, ancestors }: BackendTlsStatus): void {
    const { clock, model } = this.options;
    const object = model.sources.backendTlsPolicies.get(`${namespace}/${name}`) as PolicyObject | undefined;
    if (object === undefined || object.metadata?.deletionTimestamp !== undefined) return;
    const existing = object.status?.ancestors ?? [];
    const now = new Date(clock.now()).toISOString();
    const ours = ancestors.map(({ ancestorRef, controllerName, accepted, resolvedRefs }) =>
      referenceEntry({
        field: 'ancestorRef',
        reference: ancestorRef,
        controllerName,
        wanted: [
          { type: 'Accepted', ...accepted },
          { type: 'ResolvedRefs', ...resolvedRefs },
        ],
        existing,
        observedGeneration,
        now,
      }),
    );
    const all = [...entriesOfOthers(existing), ...ours];
    if (!isDeepStrictEqual(all, existing)) this.#writer.set(object, { ancestors: all });
  }
}
