import { parseCidr } from '@weft/ip';
import type { StringMatcherDraft } from '../routes/string-matcher.js';
import { endsWith, exactly, matches, quoted, startsWith } from '../routes/string-matcher.js';

/** Values of an AuthorizationPolicy: `*` any text but none, a leading or trailing `*` a suffix or prefix. Null: any. */
export function valueMatcher(value: string): StringMatcherDraft | null {
  if (value === '*') return null;
  if (value.startsWith('*')) return endsWith(value.slice(1));
  if (value.endsWith('*')) return startsWith(value.slice(0, -1));
  return exactly(value);
}

export const SOMETHING: StringMatcherDraft = matches('.+');

/** An identity as it stands in a certificate; where Envoy knows none, the filter state has a dash. */
export function principalMatcher(value: string): StringMatcherDraft {
  if (value === '*') return startsWith('spiffe://');
  if (value.startsWith('*')) return matches(`spiffe://.*${quoted(value.slice(1))}`);
  if (value.endsWith('*')) return startsWith(`spiffe://${value.slice(0, -1)}`);
  return exactly(`spiffe://${value}`);
}

export const namespaceMatcher = (value: string): StringMatcherDraft =>
  matches(`.*/ns/${value.split('*').map(quoted).join('.*')}/.*`);

/** `name` in the policy's namespace, or `namespace/name`. */
export function serviceAccountMatcher(value: string, policyNamespace: string): StringMatcherDraft {
  const slash = value.indexOf('/');
  const namespace = slash < 0 ? policyNamespace : value.slice(0, slash);
  return matches(`spiffe://.+/ns/${quoted(namespace)}/(.+/|)sa/${quoted(value.slice(slash + 1))}(/.+)?`);
}

export function trustDomainMatcher(value: string): StringMatcherDraft {
  if (value === '*') return startsWith('spiffe://');
  if (!value.includes('*')) return startsWith(`spiffe://${value}/`);
  return matches(`spiffe://${value.split('*').map(quoted).join('[^/]*')}/.*`);
}

export function cidrRange(value: string) {
  const cidr = parseCidr(value);
  return cidr === null ? null : { addressPrefix: cidr.base.text, prefixLen: cidr.prefixLength };
}

export function portOf(value: string): number | null {
  const port = Number(value);
  return /^\d+$/.test(value) && port <= 65_535 ? port : null;
}
