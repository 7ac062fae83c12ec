import type { ProblemList } from './problem-list.js';

/** The problem of a field that nobody knows. */
export const UNKNOWN_FIELD = 'unknown field';
const CURE_REMOVE = 'remove it or fix its spelling; it has no effect';

/**
 * One value somewhere in a resource, with its path. Reading never throws: what has the wrong type is reported and read as
 * absent.
 */
export class FieldReader {
  constructor(
    /** As it was written; the methods below look at its type first. */
    readonly value: unknown,
    /** Of the whole, or of this step within `parent`: most paths are never read, and are put together only then. */
    private readonly step: string | number,
    private readonly problems: ProblemList,
    private readonly parent?: FieldReader,
  ) {}

  get path(): string {
    const step = typeof this.step === 'number' ? `[${this.step}]` : this.step;
    return this.parent === undefined ? step : this.parent.path + step;
  }

  get present(): boolean {
    return this.value !== undefined && this.value !== null;
  }

  /** Of the whole resource so far. */
  get errorCount(): number {
    return this.problems.errorCount;
  }

  error(problem: string, cure: string): void {
    this.problems.add({ field: this.path, problem, cure, severity: 'error' });
  }

  warn(problem: string, cure: string): void {
    this.problems.add({ field: this.path, problem, cure, severity: 'warning' });
  }

  /** The fields of an object; those not in `names` are reported. Null (reported) if it is no object, null if absent. */
  object<const N extends string>(names: readonly N[]): Readonly<Record<N, FieldReader>> | null {
    if (!this.present) return null;
    if (typeof this.value !== 'object' || Array.isArray(this.value)) {
      this.error(`want an object, got ${describe(this.value)}`, `write the fields ${names.join(', ')}`);
      return null;
    }
    const source = this.value as Record<string, unknown>;
    for (const key of Object.keys(source)) {
      if (!(names as readonly string[]).includes(key))
        this.#child(`.${key}`, source[key]).warn(UNKNOWN_FIELD, CURE_REMOVE);
    }
    const fields: Partial<Record<N, FieldReader>> = {};
    for (const name of names)
      fields[name] = this.#child(`.${name}`, Object.hasOwn(source, name) ? source[name] : undefined);
    return fields as Record<N, FieldReader>;
  }

  /** One field, without a look at the others; absent if this is no object. */
  field(name: string): FieldReader {
    const source = this.value;
    const isObject = typeof source === 'object' && source !== null && !Array.isArray(source);
    return this.#child(
      `.${name}`,
      isObject && Object.hasOwn(source, name) ? (source as Record<string, unknown>)[name] : undefined,
    );
  }

  list(): readonly FieldReader[] {
    return this.items() ?? [];
  }

  /** As `list`, but undefined if it is not a list. */
  items(): readonly FieldReader[] | undefined {
    if (!this.present) return [];
    if (Array.isArray(this.value)) return this.value.map((item: unknown, i) => this.#child(i, item));
    this.error(`want a list, got ${describe(this.value)}`, 'write a list, one item per line with a leading dash');
    return undefined;
  }

  /** An object of any fields. */
  anyObject(): Readonly<Record<string, unknown>> | undefined {
    if (!this.present) return undefined;
    if (typeof this.value === 'object' && !Array.isArray(this.value)) return this.value as Record<string, unknown>;
    this.error(`want an object, got ${describe(this.value)}`, 'write `key: value` lines');
    return undefined;
  }

  entries(): readonly (readonly [string, FieldReader])[] {
    if (!this.present) return [];
    if (typeof this.value !== 'object' || Array.isArray(this.value)) {
      this.error(`want a map, got ${describe(this.value)}`, 'write `key: value` lines');
      return [];
    }
    return Object.entries(this.value as object).map(([key, item]) => [key, this.#child(`[${key}]`, item)]);
  }

  text(): string | undefined {
    if (!this.present) return undefined;
    if (typeof this.value === 'string') return this.value;
    this.error(`want a string, got ${describe(this.value)}`, 'put it in quotes');
    return undefined;
  }

  texts(): readonly string[] {
    return this.list().flatMap((item) => item.text() ?? []);
  }

  textMap(): Readonly<Record<string, string>> {
    return Object.fromEntries(
      this.entries().flatMap(([key, item]) => {
        const value = item.text();
        return value === undefined ? [] : [[key, value]];
      }),
    );
  }

  boolean(): boolean | undefined {
    if (!this.present) return undefined;
    if (typeof this.value === 'boolean') return this.value;
    this.error(`want true or false, got ${describe(this.value)}`, 'write it without quotes');
    return undefined;
  }

  integer(min: number, max: number): number | undefined {
    if (!this.present) return undefined;
    if (typeof this.value === 'number' && Number.isInteger(this.value) && this.value >= min && this.value <= max)
      return this.value;
    this.error(
      `want an integer in [${min}, ${max}], got ${describe(this.value)}`,
      `use a number from ${min} to ${max}`,
    );
    return undefined;
  }

  number(min: number, max: number): number | undefined {
    if (!this.present) return undefined;
    if (typeof this.value === 'number' && this.value >= min && this.value <= max) return this.value;
    const range = Number.isFinite(min) && Number.isFinite(max) ? ` from ${min} to ${max}` : '';
    this.error(`want a number${range}, got ${describe(this.value)}`, `use a number${range}`);
    return undefined;
  }

  oneOf<const T extends string>(allowed: readonly T[]): T | undefined {
    const raw = this.text();
    if (raw === undefined) return undefined;
    const found = allowed.find((value) => value === raw);
    if (found === undefined) this.error(`${describe(raw)} is not a known value`, `use one of ${allowed.join(', ')}`);
    return found;
  }

  /** The value as text, equal for equal values. */
  canonical(): string {
    return JSON.stringify(sorted(this.value));
  }

  #child(step: string | number, value: unknown): FieldReader {
    return new FieldReader(value, step, this.problems, this);
  }
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value ?? null;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return entries.map(([key, item]) => [key, sorted(item)]);
}

/** A value as it may stand in a message: short, printable, never throws. */
export function describe(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > 80 ? `${value.slice(0, 77)}...` : value);
  if (value === null || typeof value === 'number' || typeof value === 'boolean') return String(value);
  return Array.isArray(value) ? 'a list' : `a value of type ${typeof value}`;
}
