import { setCondition, type Condition } from '@weft/kube';

/** What one controller says of an object at one of the resources that it is attached to. */
export type ReferenceEntry<Field extends string, Reference> = Readonly<Record<Field, Reference>> & {
  readonly controllerName: string;
  readonly conditions?: readonly Condition[];
};

type Wanted = Pick<Condition, 'type' | 'status'> & { readonly reason: string; readonly message: string };

/** Ours are told from others' by the controller. */
const OUR_CONTROLLERS = /^istio\.io\//;
const IDENTITY = ['group', 'kind', 'namespace', 'name', 'sectionName', 'port'] as const;
type Identity = Readonly<Partial<Record<(typeof IDENTITY)[number], unknown>>>;

/** The entries of other controllers: the list is one for all of them. */
export const entriesOfOthers = <E extends { readonly controllerName: string }>(existing: readonly E[]): readonly E[] =>
  existing.filter(({ controllerName }) => !OUR_CONTROLLERS.test(controllerName));

export interface EntryOptions<Field extends string, Reference> {
  readonly field: Field;
  readonly reference: Reference;
  readonly controllerName: string;
  readonly wanted: readonly Wanted[];
  readonly existing: readonly ReferenceEntry<Field, Reference>[];
  readonly observedGeneration: number;
  /** RFC 3339. */
  readonly now: string;
}

/** One entry with these conditions; times move only with what they speak of. */
export function referenceEntry<Field extends string, Reference extends Identity>({
  field,
  reference,
  controllerName,
  wanted,
  existing,
  observedGeneration,
  now,
}: EntryOptions<Field, Reference>): ReferenceEntry<Field, Reference> {
  const before = existing.find((one) => one.controllerName === controllerName && isSame(one[field], reference));
  const kept = (before?.conditions ?? []).filter(({ type }) => wanted.some((one) => one.type === type));
  const conditions = wanted.reduce<readonly Condition[]>(
    (all, condition) => setCondition(all, { ...condition, observedGeneration }, now),
    kept,
  );
  return { [field]: reference, controllerName, conditions } as unknown as ReferenceEntry<Field, Reference>;
}

const isSame = (a: Identity, b: Identity): boolean => IDENTITY.every((key) => a[key] === b[key]);
