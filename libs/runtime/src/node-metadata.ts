import { err, ok, type Result } from '@weft/result';
import type { ConfigProblem, Env } from './env-reader.js';

const TEXT = 'ISTIO_META_';
const JSON_TEXT = 'ISTIO_METAJSON_';

/** Metadata of a proxy's xDS node, as Istio's proxies take it: `ISTIO_META_X` as it is, `ISTIO_METAJSON_X` parsed. */
export function nodeMetadata(env: Env): Result<Readonly<Record<string, unknown>>, ConfigProblem> {
  const metadata: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(env)) {
    if (value === undefined) continue;
    if (key.startsWith(TEXT)) metadata[key.slice(TEXT.length)] = value;
    if (!key.startsWith(JSON_TEXT)) continue;
    try {
      metadata[key.slice(JSON_TEXT.length)] = JSON.parse(value);
    } catch {
      return err({ key, problem: 'is not JSON' });
    }
  }
  return ok(metadata);
}
