import { err, ok, type Result } from '@weft/result';
import { fieldViolation, isFieldValue } from './field-rules.js';
import type { HboneRequest, HboneResponse, HeaderField } from './handler.js';

/** Splits a field list into its pseudo-header fields and the rest (RFC 9113, 8.3). The error names the rule broken. */
function split(
  fields: readonly HeaderField[],
  known: ReadonlySet<string>,
): Result<{ pseudo: ReadonlyMap<string, string>; headers: HeaderField[] }, string> {
  const pseudo = new Map<string, string>();
  const headers: HeaderField[] = [];
  for (const field of fields) {
    const [name, value] = field;
    if (!name.startsWith(':')) {
      const violation = fieldViolation(field);
      if (violation !== null) return err(violation);
      headers.push(field);
      continue;
    }
    if (!known.has(name)) return err('unknown pseudo-header field');
    if (headers.length > 0) return err(`${name} after a regular field`);
    if (pseudo.has(name)) return err(`${name} twice`);
    if (!isFieldValue(value)) return err(`illegal value of ${name}`);
    pseudo.set(name, value);
  }
  return ok({ pseudo, headers });
}

const REQUEST_FIELDS: ReadonlySet<string> = new Set([':method', ':authority', ':scheme', ':path']);
const RESPONSE_FIELDS: ReadonlySet<string> = new Set([':status']);
const NO_FIELDS: ReadonlySet<string> = new Set();

/** CONNECT has :authority and neither :scheme nor :path (RFC 9113, 8.5); other methods have both (8.3.1). */
export function parseRequestHead(fields: readonly HeaderField[]): Result<HboneRequest, string> {
  const parts = split(fields, REQUEST_FIELDS);
  if (!parts.ok) return parts;
  const { pseudo, headers } = parts.value;
  const method = pseudo.get(':method');
  const authority = pseudo.get(':authority') ?? '';
  if (method === undefined || method === '') return err(':method is missing');
  if (method === 'CONNECT') {
    if (pseudo.has(':scheme') || pseudo.has(':path')) return err('CONNECT must not have :scheme or :path');
    if (authority === '') return err('CONNECT must have :authority');
  } else if (!pseudo.get(':scheme') || !pseudo.get(':path')) {
    return err(':scheme or :path is missing');
  }
  return ok({ method, authority, path: pseudo.get(':path') ?? '', headers });
}

export function parseResponseHead(fields: readonly HeaderField[]): Result<HboneResponse, string> {
  const parts = split(fields, RESPONSE_FIELDS);
  if (!parts.ok) return parts;
  const status = parts.value.pseudo.get(':status') ?? '';
  // 101 does not exist in HTTP/2 (RFC 9113, 8.6).
  if (!/^[1-9][0-9][0-9]$/.test(status) || status === '101') return err(':status is missing or wrong');
  return ok({ status: Number(status), headers: parts.value.headers });
}

/** Trailers have no pseudo-header fields (RFC 9113, 8.1). Returns the rule broken, or null. */
export function trailersViolation(fields: readonly HeaderField[]): string | null {
  const parts = split(fields, NO_FIELDS);
  return parts.ok ? null : parts.error;
}

/** Announced body length: -1 if none, NaN if it cannot be one or is said twice differently (RFC 9113, 8.1.1). */
export function contentLength(headers: readonly HeaderField[]): number {
  let length = -1;
  for (const [name, value] of headers) {
    if (name !== 'content-length') continue;
    const said = /^[0-9]{1,15}$/.test(value) ? Number(value) : Number.NaN;
    if (length !== -1 && said !== length) return Number.NaN;
    length = said;
  }
  return length;
}
