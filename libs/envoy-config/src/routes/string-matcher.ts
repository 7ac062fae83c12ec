import type { StringMatch } from '@weft/mesh-api';
import type { StringMatcher } from '@weft/xds/gen/envoy/type/matcher/v3/string.js';
import type { Draft } from '../messages/draft.js';

export type StringMatcherDraft = Draft<typeof StringMatcher>;

export const exactly = (value: string): StringMatcherDraft => ({ matchPattern: { $case: 'exact', value } });
export const startsWith = (value: string): StringMatcherDraft => ({ matchPattern: { $case: 'prefix', value } });
export const endsWith = (value: string): StringMatcherDraft => ({ matchPattern: { $case: 'suffix', value } });
/** As a whole. */
export const matches = (regex: string): StringMatcherDraft => ({
  matchPattern: { $case: 'safeRegex', value: { regex } },
});

/** Null: any value will do, but there must be one. The regular expression `*` is Istio's older way to say so. */
export function stringMatcher({ exact, prefix, regex }: StringMatch): StringMatcherDraft | null {
  if (exact !== undefined) return exactly(exact);
  if (prefix !== undefined) return startsWith(prefix);
  return regex === undefined || regex === '*' ? null : matches(regex);
}

/** A text that a regular expression matches literally. */
export const quoted = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
