import type { Collection } from '@weft/collections';
import { PULL_SECRET, type ProxyResource } from '@weft/envoy-config';
import { shortName } from '@weft/gateway-api';
import {
  CLUSTER_TYPE_URL,
  DeltaServer,
  describeResource,
  ENDPOINT_TYPE_URL,
  EXTENSION_TYPE_URL,
  LISTENER_TYPE_URL,
  ROUTE_TYPE_URL,
  SECRET_TYPE_URL,
  type XdsResource,
} from '@weft/xds';
import type { SleepingClusters } from './sleeping-clusters.js';

/** The order in which Envoy has to learn of changes, so that nothing is referred to before it is there. */
const TYPES = [
  CLUSTER_TYPE_URL,
  ENDPOINT_TYPE_URL,
  SECRET_TYPE_URL,
  LISTENER_TYPE_URL,
  ROUTE_TYPE_URL,
  // Last: a module takes as long to come as its registry takes to answer, and nothing else may wait for it.
  EXTENSION_TYPE_URL,
];

/** Longer than Envoy drains what a listener no longer has. */
const REMOVE_AFTER_MS = 60_000;

const withoutSecret = (described: unknown): unknown =>
  JSON.parse(JSON.stringify(described, (key, value: unknown) => (key === PULL_SECRET ? '[redacted]' : value)));

interface Changes {
  readonly upserts: XdsResource[];
  readonly removals: string[];
}

/** One engine for each waypoint and gateway: all of its Envoys follow the same resources, encoded once. */
export class WaypointEngines {
  readonly #engines = new Map<string, DeltaServer>();

  constructor(
    resources: Collection<ProxyResource>,
    private readonly sleeping?: Pick<SleepingClusters, 'has' | 'asked'>,
  ) {
    resources.subscribe((events) => {
      const changes = new Map<string, Changes>();
      const of = ({ waypoint, typeUrl }: ProxyResource): Changes => {
        const key = `${waypoint}|${typeUrl}`;
        let entry = changes.get(key);
        if (entry === undefined) changes.set(key, (entry = { upserts: [], removals: [] }));
        return entry;
      };
      for (const event of events) {
        if (event.kind === 'deleted') of(event.oldValue).removals.push(event.oldValue.resource.name);
        else of(event.newValue).upserts.push(event.newValue.resource);
      }
      for (const [key, change] of changes) {
        const [waypoint = '', typeUrl = ''] = key.split('|');
        this.#engine(waypoint).apply(typeUrl, change);
      }
      this.#forgetEmpty();
    });
  }

  /** Of a Gateway, `<namespace>/<name>`; undefined if it is no waypoint. */
  get(waypoint: string): DeltaServer | undefined {
    return this.#engines.get(waypoint);
  }

  /** Of the Gateway that a pod's label stands for: its name, or what a long name is shortened to. */
  ofLabel(namespace: string, label: string): DeltaServer | undefined {
    const exact = this.#engines.get(`${namespace}/${label}`);
    if (exact !== undefined) return exact;
    for (const [key, engine] of this.#engines) {
      const name = key.slice(namespace.length + 1);
      if (key.startsWith(`${namespace}/`) && name.length > label.length && shortName(name) === label) return engine;
    }
    return undefined;
  }

  keys(): readonly string[] {
    return [...this.#engines.keys()].sort();
  }

  /** Connected Envoys. */
  get sessions(): number {
    let sum = 0;
    for (const { sessions } of this.#engines.values()) sum += sessions.size;
    return sum;
  }

  /** For people: every resource by type, with what is packed inside, and certificates by name. Null if there is no such waypoint. */
  dump(waypoint: string): unknown {
    const engine = this.#engines.get(waypoint);
    if (engine === undefined) return null;
    return Object.fromEntries(
      TYPES.map((typeUrl) => [
        typeUrl,
        [...engine.store(typeUrl).values()].map((one) =>
          typeUrl === SECRET_TYPE_URL ? { name: one.name, version: one.version } : withoutSecret(describeResource(one)),
        ),
      ]),
    );
  }

  #engine(waypoint: string): DeltaServer {
    let engine = this.#engines.get(waypoint);
    if (engine === undefined) {
      const { sleeping } = this;
      engine = new DeltaServer(
        TYPES,
        {
          order: 'make-before-break',
          removeLast: new Set([CLUSTER_TYPE_URL, ENDPOINT_TYPE_URL, EXTENSION_TYPE_URL]),
          removeAfterMs: REMOVE_AFTER_MS,
          companions: new Map([[CLUSTER_TYPE_URL, ENDPOINT_TYPE_URL]]),
          comesWhenAsked: (typeUrl, name) => sleeping?.has(waypoint, typeUrl, name) === true,
        },
        (typeUrl, names) => sleeping?.asked(waypoint, typeUrl, names),
      );
      this.#engines.set(waypoint, engine);
    }
    return engine;
  }

  #forgetEmpty(): void {
    for (const [waypoint, engine] of this.#engines) {
      if (engine.sessions.size === 0 && TYPES.every((typeUrl) => engine.store(typeUrl).size === 0))
        this.#engines.delete(waypoint);
    }
  }
}
