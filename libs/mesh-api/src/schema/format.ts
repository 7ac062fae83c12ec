import { parseCidr, parseIp } from '@weft/ip';
import { RE2JS, RE2JSException } from 're2js';
import type { JsonSchema } from './json-schema.js';

/** What a string has to look like. */
export interface Format {
  readonly schema?: JsonSchema;
  readonly cure: string;
  /** What is wrong, to be read after the value; null if nothing is. */
  fault(text: string): string | null;
}

const matching = (pattern: RegExp, what: string, cure: string, schema?: JsonSchema): Format => ({
  ...(schema && { schema }),
  cure,
  fault: (text) => (pattern.test(text) ? null : `is not ${what}`),
});
/** The pattern is also part of the CRD. */
const declared = (pattern: string, what: string, cure: string, limits: JsonSchema = {}): Format =>
  matching(new RegExp(pattern), what, cure, { pattern, ...limits });

const LABEL = '[a-z0-9]([-a-z0-9]*[a-z0-9])?';
const SUBDOMAIN = `${LABEL}(\\.${LABEL})*`;

export const DNS_LABEL = declared(`^${LABEL}$`, 'a DNS label', 'use lower-case letters, digits and dashes', {
  minLength: 1,
  maxLength: 63,
});
export const DNS_SUBDOMAIN = declared(`^${SUBDOMAIN}$`, 'a DNS name', 'use lower-case labels with dots between them', {
  minLength: 1,
  maxLength: 253,
});
export const WILDCARD_HOST = declared(
  `^(\\*\\.)?${SUBDOMAIN}$`,
  'a host name',
  'write shop.example.com or *.example.com',
  { minLength: 1, maxLength: 253 },
);
export const API_GROUP = declared(`^$|^${SUBDOMAIN}$`, 'an API group', 'write apps.example.com, or "" for core', {
  maxLength: 253,
});
export const API_KIND = declared('^[a-zA-Z]([-a-zA-Z0-9]*[a-zA-Z0-9])?$', 'a kind', 'write it as in manifests', {
  minLength: 1,
  maxLength: 63,
});
/** RFC 9110 token. */
export const HEADER_NAME = matching(
  /^[A-Za-z0-9!#$%&'*+\-.^_`|~]+$/,
  'a header name',
  'use letters, digits and dashes',
  { minLength: 1, maxLength: 256, pattern: "^[A-Za-z0-9!#$%&'*+\\-.^_\\x60|~]+$" },
);
export const IP_ADDRESS: Format = {
  cure: 'write 192.0.2.1 or 2001:db8::1',
  fault: (text) => (parseIp(text) === null ? 'is not an IP address' : null),
};
export const CIDR: Format = {
  cure: 'write 192.0.2.1 or 192.0.2.0/24',
  fault: (text) => (parseCidr(text) === null ? 'is not an IP address or CIDR' : null),
};

const MAX_PATTERN_LENGTH = 1024;
const KNOWN_PATTERNS = 4096;
const known = new Map<string, string | null>();

/** What Envoy's engine takes: RE2. It needs no limit of steps, but of size, which RE2 itself sets for counted repetitions. */
export const REGEX: Format = {
  cure: 'write an RE2 expression: no look-around, no back-references, repetitions of at most 1000 in all',
  fault: (text) => {
    if (text.length > MAX_PATTERN_LENGTH)
      return `has ${text.length} characters, of which ${MAX_PATTERN_LENGTH} are allowed`;
    if (!known.has(text)) {
      if (known.size >= KNOWN_PATTERNS) known.clear();
      known.set(text, regexFault(text));
    }
    return known.get(text)!;
  },
};

function regexFault(text: string): string | null {
  try {
    RE2JS.compile(text);
    return null;
  } catch (thrown) {
    if (thrown instanceof RE2JSException)
      return `is not a regular expression (${thrown.message.replace(/^error parsing regexp: /, '').slice(0, 120)})`;
    throw thrown;
  }
}
