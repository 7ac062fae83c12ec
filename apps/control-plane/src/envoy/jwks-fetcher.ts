import type { Collection, SourceCollection } from '@weft/collections';
import type { JwksSource } from '@weft/envoy-config';
import { toError, type Clock } from '@weft/result';
import type { Service } from '@weft/runtime';

export interface JwksFetcherOptions {
  /** What is needed now. */
  readonly wanted: Collection<JwksSource>;
  /** Takes what was fetched. */
  readonly jwks: SourceCollection<string>;
  readonly clock: Clock;
  readonly log: { info(fields: object, message: string): void; warn(fields: object, message: string): void };
  /** Something was written. */
  readonly onChanged: () => void;
  readonly onFetch?: (result: 'success' | 'failure') => void;
  /** GET; rejects unless the answer is 200 and comes in time. */
  readonly get?: (url: string, timeoutMs: number) => Promise<string>;
}

interface Entry {
  failures: number;
  cancel: () => void;
}

const REFRESH_MS = 20 * 60_000;
const FIRST_RETRY_MS = 1000;
const RETRY_MS = 60_000;
const LONGEST_RETRY_MS = 60 * 60_000;
const MAX_BYTES = 1_048_576;
const DISCOVERY = '/.well-known/openid-configuration';

/**
 * Fetches the keys of token issuers and refreshes them. What was fetched once stays in use while the issuer is away; without
 * any the waypoint refuses its tokens. What is not a set of keys is refused like no answer.
 */
export class JwksFetcher implements Service {
  readonly name = 'keys of token issuers';
  readonly #entries = new Map<string, Entry>();
  #unsubscribe: () => void = () => undefined;

  constructor(private readonly options: JwksFetcherOptions) {}

  start(): Promise<void> {
    this.#unsubscribe = this.options.wanted.subscribe((events) => {
      for (const { kind, key } of events) {
        if (kind === 'deleted') this.#forget(key);
        else if (!this.#entries.has(key)) this.#begin(key);
      }
    });
    return Promise.resolve();
  }

  stop(): Promise<void> {
    this.#unsubscribe();
    for (const { cancel } of this.#entries.values()) cancel();
    this.#entries.clear();
    return Promise.resolve();
  }

  #begin(source: string): void {
    const entry: Entry = { failures: 0, cancel: () => undefined };
    this.#entries.set(source, entry);
    void this.#fetch(source, entry);
  }

  #forget(source: string): void {
    this.#entries.get(source)?.cancel();
    this.#entries.delete(source);
    this.options.jwks.delete(source);
  }

  async #fetch(source: string, entry: Entry): Promise<void> {
    const { clock, log, jwks, onChanged, onFetch } = this.options;
    try {
      const keys = await this.#keys(source);
      if (this.#entries.get(source) !== entry) return;
      if (entry.failures > 0) log.info({ source }, 'keys of a token issuer are there');
      entry.failures = 0;
      onFetch?.('success');
      if (jwks.get(source) !== keys) {
        jwks.set(source, keys);
        onChanged();
      }
      entry.cancel = clock.after(REFRESH_MS, () => void this.#fetch(source, entry));
    } catch (thrown) {
      if (this.#entries.get(source) !== entry) return;
      onFetch?.('failure');
      const inUse = jwks.get(source) !== undefined;
      if (entry.failures === 0)
        log.warn(
          { source, err: toError(thrown).message, inUse },
          inUse
            ? 'keys of a token issuer cannot be refreshed'
            : 'keys of a token issuer cannot be fetched: its tokens are refused',
        );
      entry.cancel = clock.after(retryMs(entry.failures++, inUse), () => void this.#fetch(source, entry));
    }
  }

  async #keys(source: string): Promise<string> {
    const { get = httpGet, wanted } = this.options;
    const timeoutMs = wanted.get(source)?.timeoutMs;
    if (timeoutMs === undefined) throw new Error('the keys are not needed any more');
    const text = await get(source, timeoutMs);
    if (!source.endsWith(DISCOVERY)) return checked(text);
    const { jwks_uri: uri } = JSON.parse(text) as { jwks_uri?: unknown };
    if (typeof uri !== 'string' || !/^https?:\/\//.test(uri)) throw new Error('the discovery document has no jwks_uri');
    return checked(await get(uri, timeoutMs));
  }
}

/** Quickly at first while there is nothing in use: the issuer may be starting together with us. */
function retryMs(failures: number, inUse: boolean): number {
  if (!inUse && failures < 10) return FIRST_RETRY_MS;
  return Math.min(RETRY_MS * 2 ** Math.max(0, failures - (inUse ? 0 : 10)), LONGEST_RETRY_MS);
}

function checked(text: string): string {
  const { keys } = JSON.parse(text) as { keys?: unknown };
  if (!Array.isArray(keys)) throw new Error('the answer is no set of keys');
  return text;
}

async function httpGet(url: string, timeoutMs: number): Promise<string> {
  const response = await fetch(url, { signal: AbortSignal.timeout(timeoutMs), redirect: 'follow' });
  if (response.status !== 200) throw new Error(`status ${response.status}`);
  const text = await response.text();
  if (text.length > MAX_BYTES) throw new Error('the answer is too large');
  return text;
}
