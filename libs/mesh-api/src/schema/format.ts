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
const WILDCARD_NAME = declared(`^(\\*\\.)?${SUBDOMAIN}$`, 'a host name', 'write shop.example.com or *.example.com', {
  minLength: 1,
  maxLength: 253,
});
/** A hostname of the Gateway API: never an address. */
export const WILDCARD_HOST: Format = {
  ...WILDCARD_NAME,
  fault: (text) => (parseIp(text) === null ? WILDCARD_NAME.fault(text) : 'is an address'),
};
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
const NAME_PART = '[a-z0-9_]([-a-z0-9_]{0,61}[a-z0-9_])?';
const HOST = new RegExp(`^(?=.{1,253}$)(${NAME_PART}\\.)*${NAME_PART}\\.?$`, 'i');

/** Host of a destination: a short name, a full one, or an address. */
export const SERVICE_HOST: Format = {
  cure: 'write reviews, reviews.shop.svc.cluster.local or host.example.com',
  fault: (text) => (HOST.test(text) || parseIp(text) !== null ? null : 'is not a host name'),
};
/** Hosts that a resource is for; `*` is any, `*.` before a name is every host below it. */
export const HOST_PATTERN: Format = {
  cure: 'write host.example.com, *.example.com or *',
  fault: (text) =>
    text === '*' || HOST.test(text.replace(/^\*\./, '')) || parseIp(text) !== null ? null : 'is not a host name',
};
/** As HOST_PATTERN, but not a short name, which would mean nothing outside its namespace. */
export const FULL_HOST_PATTERN: Format = {
  cure: 'write host.example.com, *.example.com or *',
  fault: (text) => {
    const fault = HOST_PATTERN.fault(text);
    if (fault !== null || text === '*' || text.includes('.') || parseIp(text) !== null) return fault;
    return 'is a short name, which is not allowed here';
  },
};
/** What a header may carry: no line ends, which would start another header. */
export const HEADER_VALUE: Format = {
  cure: 'write it in one line',

  fault: (text) => (/[\0\r\n]/.test(text) ? 'has a line end or a NUL' : null),
};
/** Kubernetes qualified name, as label keys are. */
export const LABEL_KEY = matching(
  /^([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?\/)?[A-Za-z0-9]([-\w.]{0,61}[A-Za-z0-9])?$/,
  'a label key',
  'write name or example.com/name',
);
export const LABEL_VALUE = matching(
  /^([A-Za-z0-9]([-\w.]{0,61}[A-Za-z0-9])?)?$/,
  'a label value',
  'use at most 63 letters, digits, dashes, dots and underscores',
);
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
