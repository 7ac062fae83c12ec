import type { HttpRouteMatch } from '@weft/mesh-api';
import { isUsableRegex } from './usable-regex.js';
import { exactly, matches } from './string-matcher.js';
import type { RouteMatchDraft } from './forward.js';

const compare = (a: { readonly name: string }, b: { readonly name: string }): number =>
  a.name < b.name ? -1 : a.name > b.name ? 1 : 0;

/** One match of an HTTPRoute. Headers are sorted, since Envoy's hash of a route keeps their order. */
export function gatewayApiMatch({ path, headers, queryParams, method }: HttpRouteMatch): RouteMatchDraft {
  const value = (type: string, text: string) => (type === 'RegularExpression' ? matches(text) : exactly(text));
  return {
    ...pathMatch(path),
    headers: [
      ...(method === undefined
        ? []
        : [{ name: ':method', headerMatchSpecifier: { $case: 'stringMatch' as const, value: exactly(method) } }]),
      ...firstOfEach(headers)
        .toSorted(compare)
        .map(({ type, name, value: text }) => ({
          name: name.toLowerCase(),
          headerMatchSpecifier: { $case: 'stringMatch' as const, value: value(type, text) },
        })),
    ],
    queryParameters: queryParams.toSorted(compare).map(({ type, name, value: text }) => ({
      name,
      queryParameterMatchSpecifier: { $case: 'stringMatch' as const, value: value(type, text) },
    })),
  };
}

/** Of entries with names that are the same to HTTP only the first counts. */
function firstOfEach<T extends { readonly name: string }>(items: readonly T[]): readonly T[] {
  const seen = new Set<string>();
  return items.filter(({ name }) => !seen.has(name.toLowerCase()) && seen.add(name.toLowerCase()));
}

function pathMatch({ type, value }: HttpRouteMatch['path']): Pick<RouteMatchDraft, 'pathSpecifier'> {
  if (type === 'Exact') return { pathSpecifier: { $case: 'path', value } };
  if (type === 'RegularExpression') return { pathSpecifier: { $case: 'safeRegex', value: { regex: value } } };
  const prefix = value.replace(/\/+$/, '');
  return {
    pathSpecifier: prefix === '' ? { $case: 'prefix', value: '/' } : { $case: 'pathSeparatedPrefix', value: prefix },
  };
}

const KINDS = ['Exact', 'PathPrefix', 'RegularExpression'];

const LENGTHS = 2 ** 16;
const COUNTS = 2 ** 8;

/** The more specific match has the smaller rank: kind and length of the path, method, number of headers, of query parameters. */
export function rankOf({ path, method, headers, queryParams }: HttpRouteMatch): number {
  let rank = KINDS.indexOf(path.type);
  rank = rank * LENGTHS + most(LENGTHS, path.value.length);
  rank = rank * 2 + (method === undefined ? 1 : 0);
  rank = rank * COUNTS + most(COUNTS, headers.length);
  return rank * COUNTS + most(COUNTS, queryParams.length);
}

/** The more there is, the smaller. */
const most = (limit: number, count: number): number => limit - 1 - Math.min(count, limit - 1);

export function hasUsableRegexes({ path, headers, queryParams }: HttpRouteMatch): boolean {
  return [path, ...headers, ...queryParams].every(
    ({ type, value }) => type !== 'RegularExpression' || isUsableRegex(value),
  );
}
