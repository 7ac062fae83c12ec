import { isDeepStrictEqual } from 'node:util';
import { StatusWriter, type KubeClient, type KubeLog, type KubeObject } from '@weft/kube';
import { GRPC_ROUTES, HTTP_ROUTES, TCP_ROUTES, TLS_ROUTES } from '@weft/mesh-api';
import {
  ROUTE_KINDS,
  type MeshModel,
  type RouteKindName,
  type RouteParentStatus,
  type RouteStatus,
} from '@weft/mesh-model';
import type { Clock } from '@weft/result';
import { entriesOfOthers, referenceEntry, type ReferenceEntry } from './reference-entries.js';
import { seenObject } from './seen-object.js';

type Parent = ReferenceEntry<'parentRef', RouteParentStatus['parentRef']>;
type RouteObject = KubeObject & { status?: { parents?: readonly Parent[] } };

export interface RouteStatusWriterOptions {
  readonly kube: KubeClient;
  readonly model: MeshModel;
  readonly clock: Clock;
  readonly log: KubeLog;
}

const FIELD_MANAGER = 'weft-control-plane';
const CONCURRENCY = 16;
const TYPES = { HTTPRoute: HTTP_ROUTES, GRPCRoute: GRPC_ROUTES, TLSRoute: TLS_ROUTES, TCPRoute: TCP_ROUTES } as const;

/** Brings the status of routes to the server. `parents` is one list for all controllers: what others wrote is kept. */
export class RouteStatusWriter {
  readonly #writers: ReadonlyMap<RouteKindName, StatusWriter<RouteObject>>;

  constructor(private readonly options: RouteStatusWriterOptions) {
    const { kube, log } = options;
    this.#writers = new Map(
      ROUTE_KINDS.map((kind) => [
        kind,
        new StatusWriter<RouteObject>({
          kube,
          type: TYPES[kind],
          fieldManager: FIELD_MANAGER,
          concurrency: CONCURRENCY,
          log,
        }),
      ]),
    );
  }

  async start(): Promise<void> {
    for (const writer of this.#writers.values()) await writer.start();
  }

  async stop(hard: AbortSignal): Promise<void> {
    for (const writer of this.#writers.values()) await writer.stop(hard);
  }

  /** Writes until the returned function is called; for the leader only. */
  lead(): () => void {
    return this.options.model.routeStatuses.subscribe((events) => {
      for (const event of events) {
        if (event.kind === 'deleted') this.#forget(event.oldValue);
        else this.#write(event.newValue);
      }
    });
  }

  #write(status: RouteStatus): void {
    const object = seenObject(this.options.model, status) as RouteObject | undefined;
    if (object === undefined || object.metadata?.deletionTimestamp !== undefined) return;
    const existing = object.status?.parents ?? [];
    const others = entriesOfOthers(existing);
    if (status.parents.length === 0 && others.length === existing.length) return;
    const now = new Date(this.options.clock.now()).toISOString();
    const ours = status.parents.map((parent) => parentOf(parent, existing, status.observedGeneration, now));
    const parents = [...others, ...ours];
    if (!isDeepStrictEqual(parents, existing)) this.#writers.get(status.kind)!.set(object, { parents });
  }

  #forget({ kind, namespace, name }: RouteStatus): void {
    this.#writers.get(kind)!.forget({ metadata: { namespace, name } });
  }
}

function parentOf(
  { parentRef, controllerName, accepted, resolvedRefs, partiallyInvalid }: RouteParentStatus,
  existing: readonly Parent[],
  observedGeneration: number,
  now: string,
): Parent {
  const wanted = [
    { type: 'Accepted', ...accepted },
    { type: 'ResolvedRefs', ...resolvedRefs },
    ...(partiallyInvalid ? [{ type: 'PartiallyInvalid', ...partiallyInvalid }] : []),
  ];
  const entry = { field: 'parentRef', reference: parentRef, controllerName } as const;
  return referenceEntry({ ...entry, wanted, existing, observedGeneration, now });
}
