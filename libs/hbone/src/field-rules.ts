import type { HeaderField } from './handler.js';

/** RFC 9110 token in lower case: what RFC 9113, 8.2.1 leaves of a field name. */
const FIELD_NAME = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;
/** Fields of HTTP/1.1 connections, malformed in HTTP/2 (RFC 9113, 8.2.2). */
const CONNECTION_FIELDS: ReadonlySet<string> = new Set([
  'connection',
  'proxy-connection',
  'keep-alive',
  'transfer-encoding',
  'upgrade',
]);

export const isFieldName = (name: string): boolean => FIELD_NAME.test(name);

/** No control characters but TAB, nothing above Latin-1, no blank at either end (RFC 9113, 8.2.1 and RFC 9110, 5.5). */
export function isFieldValue(value: string): boolean {
  for (let i = 0; i < value.length; i++) {
    const code = value.charCodeAt(i);
    if ((code < 0x20 && code !== 0x09) || code === 0x7f || code > 0xff) return false;
  }
  return !isBlank(value.charCodeAt(0)) && !isBlank(value.charCodeAt(value.length - 1));
}

const isBlank = (code: number): boolean => code === 0x20 || code === 0x09;

/** The rule that a regular field breaks, or null. */
export function fieldViolation([name, value]: HeaderField): string | null {
  if (!isFieldName(name)) return 'illegal field name';
  if (!isFieldValue(value)) return `illegal value of ${name}`;
  if (CONNECTION_FIELDS.has(name)) return `${name} has no place in HTTP/2`;
  return name === 'te' && value !== 'trailers' ? 'te may only be trailers' : null;
}
