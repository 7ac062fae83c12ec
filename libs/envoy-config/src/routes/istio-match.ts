import type { HttpMatch, StringMatch } from '@weft/mesh-api';
import type { HeaderMatcher } from '@weft/xds/gen/envoy/config/route/v3/route_components.js';
import type { MetadataMatcher } from '@weft/xds/gen/envoy/type/matcher/v3/metadata.js';
import type { Draft } from '../messages/draft.js';
import { jwtClaimMatchers } from '../authentication/claim-matcher.js';
import type { RouteMatchDraft } from './forward.js';
import { stringMatcher } from './string-matcher.js';

type HeaderMatcherDraft = Draft<typeof HeaderMatcher>;

const byName = ([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number =>
  a < b ? -1 : a > b ? 1 : 0;

/** One match of a VirtualService; undefined stands for every request. Headers are sorted: Envoy's hash keeps their order. */
export function istioMatch(match: HttpMatch | undefined): RouteMatchDraft {
  if (match === undefined) return { pathSpecifier: { $case: 'prefix', value: '/' } };
  const { scheme, method, authority, headers, withoutHeaders, queryParams } = match;
  const pseudo: HeaderMatcherDraft[] = [
    ...pseudoHeader(':scheme', scheme),
    ...pseudoHeader(':method', method),
    ...pseudoHeader(':authority', authority),
  ];
  const plain = Object.entries(headers).filter(([name]) => !isClaim(name));
  return {
    ...pathOf(match),
    headers: [
      ...pseudo,
      ...plain.toSorted(byName).map(([name, value]) => header(name, value, false)),
      ...Object.entries(withoutHeaders)
        .filter(([name]) => !isClaim(name))
        .toSorted(byName)
        .map(([name, value]) => header(name, value, true)),
    ],
    queryParameters: Object.entries(queryParams)
      .toSorted(byName)
      .map(([name, value]) => {
        const matcher = stringMatcher(value);
        return {
          name,
          queryParameterMatchSpecifier:
            matcher === null ? { $case: 'presentMatch', value: true } : { $case: 'stringMatch', value: matcher },
        };
      }),
    dynamicMetadata: [...claims(headers, false), ...claims(withoutHeaders, true)],
  };
}

function pathOf({ uri, ignoreUriCase }: HttpMatch): Pick<RouteMatchDraft, 'pathSpecifier' | 'caseSensitive'> {
  const caseSensitive = ignoreUriCase === true ? { caseSensitive: false } : {};
  if (uri?.exact !== undefined) return { pathSpecifier: { $case: 'path', value: uri.exact }, ...caseSensitive };
  if (uri?.prefix !== undefined) return { pathSpecifier: { $case: 'prefix', value: uri.prefix }, ...caseSensitive };
  if (uri?.regex !== undefined && uri.regex !== '*')
    return { pathSpecifier: { $case: 'safeRegex', value: { regex: uri.regex } } };
  return { pathSpecifier: { $case: 'prefix', value: '/' } };
}

function pseudoHeader(name: string, match: StringMatch | undefined): readonly HeaderMatcherDraft[] {
  return match === undefined ? [] : [header(name, match, false)];
}

function header(name: string, match: StringMatch, invertMatch: boolean): HeaderMatcherDraft {
  const matcher = stringMatcher(match);
  const common = { name: name.toLowerCase(), invertMatch };
  if (matcher === null) return { ...common, headerMatchSpecifier: { $case: 'presentMatch', value: true } };
  // A header that is not there has no forbidden value.
  return {
    ...common,
    headerMatchSpecifier: { $case: 'stringMatch', value: matcher },
    ...(invertMatch ? { treatMissingHeaderAsEmpty: true } : {}),
  };
}

const CLAIM = /^@request\.auth\.claims((?:\[[^\][]+\])+|(?:\.[^.]+)+)$/;
const isClaim = (name: string): boolean => name.startsWith('@request.auth.claims');

/** `@request.auth.claims[a][b]` or `.a.b`: claims of the verified token. One that cannot be read matches nothing. */
function claims(headers: HttpMatch['headers'], invert: boolean): readonly Draft<typeof MetadataMatcher>[] {
  return Object.entries(headers)
    .filter(([name]) => isClaim(name))
    .toSorted(byName)
    .map(([name, value]) => {
      const path = claimPath(name);
      return { ...jwtClaimMatchers(path ?? ['\u0000'], stringMatcher(value)), invert: invert && path !== null };
    });
}

function claimPath(name: string): readonly string[] | null {
  const rest = CLAIM.exec(name)?.[1];
  if (rest === undefined) return null;
  return rest.startsWith('[')
    ? [...rest.matchAll(/\[([^\][]+)\]/g)].map(([, part]) => part!)
    : rest.slice(1).split('.');
}
