import type { MetadataMatcher } from '@weft/xds/gen/envoy/type/matcher/v3/metadata.js';
import type { Draft } from '../messages/draft.js';
import type { StringMatcherDraft } from '../routes/string-matcher.js';

export const JWT_FILTER = 'envoy.filters.http.jwt_authn';
/** Where the filter leaves the claims of a verified token. */
export const JWT_PAYLOAD = 'payload';

/** A claim of the verified token with such a value, alone or in a list. Null: with any. */
export function jwtClaimMatchers(
  claim: readonly string[],
  value: StringMatcherDraft | null,
): Draft<typeof MetadataMatcher> {
  const path = [JWT_PAYLOAD, ...claim].map((key) => ({ segment: { $case: 'key' as const, value: key } }));
  if (value === null)
    return { filter: JWT_FILTER, path, value: { matchPattern: { $case: 'presentMatch', value: true } } };
  const text = { matchPattern: { $case: 'stringMatch' as const, value } };
  return {
    filter: JWT_FILTER,
    path,
    value: {
      matchPattern: {
        $case: 'orMatch',
        value: {
          valueMatchers: [
            text,
            { matchPattern: { $case: 'listMatch', value: { matchPattern: { $case: 'oneOf', value: text } } } },
          ],
        },
      },
    },
  };
}
