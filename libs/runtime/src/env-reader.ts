export interface ConfigProblem {
  readonly key: string;
  readonly problem: string;
}

export type Env = Readonly<Record<string, string | undefined>>;

const DURATION_UNITS_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/**
 * Reads typed values from the environment and collects every problem, so that an operator sees all of them at once.
 * An empty string counts as unset. Keys that start with one of our prefixes and were never asked for are a problem too:
 * they are typing mistakes.
 */
export class EnvReader {
  readonly #problems: ConfigProblem[] = [];
  readonly #known = new Set<string>();

  constructor(private readonly env: Env) {}

  string(key: string, fallback: string): string {
    return this.optional(key) ?? fallback;
  }

  optional(key: string): string | undefined {
    this.#known.add(key);
    const raw = this.env[key];
    return raw === undefined || raw === '' ? undefined : raw;
  }

  required(key: string, cure: string): string {
    const raw = this.optional(key);
    if (raw === undefined) this.#report(key, `is required: ${cure}`);
    return raw ?? '';
  }

  integer(key: string, fallback: number, min: number, max: number): number {
    const raw = this.optional(key);
    if (raw === undefined) return fallback;
    const value = /^-?\d+$/.test(raw) ? Number(raw) : NaN;
    if (value >= min && value <= max) return value;
    this.#report(key, `want an integer in [${min}, ${max}], got ${JSON.stringify(raw)}`);
    return fallback;
  }

  boolean(key: string, fallback: boolean): boolean {
    const raw = this.optional(key)?.toLowerCase();
    if (raw === undefined) return fallback;
    if (raw === 'true' || raw === '1') return true;
    if (raw === 'false' || raw === '0') return false;
    this.#report(key, `want true or false, got ${JSON.stringify(raw)}`);
    return fallback;
  }

  /** `500ms`, `30s`, `5m`, `24h`; the result is in milliseconds. */
  durationMs(key: string, fallbackMs: number): number {
    const raw = this.optional(key);
    if (raw === undefined) return fallbackMs;
    const match = /^(\d+)(ms|s|m|h)$/.exec(raw);
    if (match !== null) return Number(match[1]) * DURATION_UNITS_MS[match[2]!]!;
    this.#report(key, `want a duration such as 500ms, 30s, 5m or 24h, got ${JSON.stringify(raw)}`);
    return fallbackMs;
  }

  oneOf<const T extends string>(key: string, allowed: readonly T[], fallback: T): T {
    const raw = this.optional(key);
    if (raw === undefined) return fallback;
    const found = allowed.find((value) => value === raw);
    if (found !== undefined) return found;
    this.#report(key, `want one of ${allowed.join(', ')}, got ${JSON.stringify(raw)}`);
    return fallback;
  }

  /** Everything wrong so far; call it after the last key was read. */
  problems(ownPrefixes: readonly string[] = ['WEFT_']): readonly ConfigProblem[] {
    const unknown = Object.keys(this.env)
      .filter((key) => ownPrefixes.some((prefix) => key.startsWith(prefix)) && !this.#known.has(key))
      .filter((key) => !this.#isServiceLink(key))
      .map((key) => ({ key, problem: 'is not a known setting; see --help' }));
    return [...this.#problems, ...unknown];
  }

  /** Kubernetes tells every container of the Services of its namespace; one named `weft-ca` gives `WEFT_CA_PORT` and more. */
  #isServiceLink(key: string): boolean {
    return Object.keys(this.env).some((other) => {
      if (!other.endsWith('_SERVICE_HOST')) return false;
      const service = other.slice(0, -'_SERVICE_HOST'.length);
      return key.startsWith(`${service}_SERVICE_`) || key === `${service}_PORT` || key.startsWith(`${service}_PORT_`);
    });
  }

  #report(key: string, problem: string): void {
    this.#problems.push({ key, problem });
  }
}
