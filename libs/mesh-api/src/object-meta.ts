/** The metadata that the mesh reads, with nothing missing. */
export interface ObjectMeta {
  readonly name: string;
  readonly namespace: string;
  readonly uid: string;
  /** RFC 3339 in UTC, so that texts sort by age; empty if unknown. */
  readonly createdAt: string;
  readonly generation: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

const text = (value: unknown): string => (typeof value === 'string' ? value : '');

function stringMap(value: unknown): Readonly<Record<string, string>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return {};
  return Object.fromEntries(
    Object.entries(value).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
  );
}

/** Reads `metadata` of any Kubernetes object; never throws. What is missing or of another type is empty. */
export function objectMetaOf(object: unknown): ObjectMeta {
  const meta = ((object as { metadata?: unknown } | null | undefined)?.metadata ?? {}) as Record<string, unknown>;
  const created = meta['creationTimestamp'];
  const generation = meta['generation'];
  return {
    name: text(meta['name']),
    namespace: text(meta['namespace']),
    uid: text(meta['uid']),
    createdAt: created instanceof Date ? created.toISOString() : text(created),
    generation: typeof generation === 'number' ? generation : 0,
    labels: stringMap(meta['labels']),
    annotations: stringMap(meta['annotations']),
  };
}

/** The order of precedence between resources of one kind: the oldest first, then by namespace and name. */
export function compareByAge(a: ObjectMeta, b: ObjectMeta): number {
  return compare(a.createdAt, b.createdAt) || compare(a.namespace, b.namespace) || compare(a.name, b.name);
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
