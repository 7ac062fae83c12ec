import { PULL_SECRET } from '@weft/envoy-config';
import {
  CLUSTER_TYPE_URL,
  DeltaServer,
  describeResource,
  ENDPOINT_TYPE_URL,
  EXTENSION_TYPE_URL,
  SECRET_TYPE_URL,
  type XdsResource,
} from '@weft/xds';

/** Longer than a proxy drains what a listener no longer has, and than calls on clusters that routes no longer name. */
const REMOVE_AFTER_MS = 60_000;

/** What is not there until a proxy asks for it by its name. */
export interface OnDemand {
  has(key: string, typeUrl: string, name: string): boolean;
  asked(key: string, typeUrl: string, names: readonly string[]): void;
}

/** Engines by whom they tell. Those who follow one are told the same, encoded once. */
export class ProxyEngines {
  readonly #engines = new Map<string, DeltaServer>();

  constructor(
    /** In the order in which proxies have to learn of changes, so that nothing is referred to before it is there. */
    private readonly types: readonly string[],
    private readonly onDemand?: OnDemand,
  ) {}

  get(key: string): DeltaServer | undefined {
    return this.#engines.get(key);
  }

  add(key: string): DeltaServer {
    const { types, onDemand } = this;
    const engine = new DeltaServer(
      types,
      {
        order: 'make-before-break',
        removeLast: new Set([CLUSTER_TYPE_URL, ENDPOINT_TYPE_URL, EXTENSION_TYPE_URL]),
        removeAfterMs: REMOVE_AFTER_MS,
        companions: new Map([[CLUSTER_TYPE_URL, ENDPOINT_TYPE_URL]]),
        comesWhenAsked: (typeUrl, name) => onDemand?.has(key, typeUrl, name) === true,
      },
      (typeUrl, names) => onDemand?.asked(key, typeUrl, names),
    );
    this.#engines.set(key, engine);
    return engine;
  }

  /** Must not be followed by anyone. */
  delete(key: string): void {
    this.#engines.delete(key);
  }

  entries(): Iterable<readonly [string, DeltaServer]> {
    return this.#engines.entries();
  }

  keys(): readonly string[] {
    return [...this.#engines.keys()].sort();
  }

  /** How many proxies are connected. */
  get sessions(): number {
    let sum = 0;
    for (const { sessions } of this.#engines.values()) sum += sessions.size;
    return sum;
  }

  /** For people: every resource by type, with what is packed inside. Null if there is no such engine. */
  dump(key: string): unknown {
    const engine = this.#engines.get(key);
    if (engine === undefined) return null;
    return Object.fromEntries(
      this.types.map((typeUrl) => [typeUrl, [...engine.store(typeUrl).values()].map((one) => shown(typeUrl, one))]),
    );
  }
}

/** Certificates only by name. */
const shown = (typeUrl: string, resource: XdsResource): unknown =>
  typeUrl === SECRET_TYPE_URL
    ? { name: resource.name, version: resource.version }
    : withoutSecret(describeResource(resource));

const withoutSecret = (described: unknown): unknown =>
  JSON.parse(JSON.stringify(described, (key, value: unknown) => (key === PULL_SECRET ? '[redacted]' : value)));
