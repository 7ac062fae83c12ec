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

/** The more specific match first: kind and length of the path, method, number of headers, of query parameters. */
export function compareMatches(a: HttpRouteMatch, b: HttpRouteMatch): number {
  return (
    KINDS.indexOf(a.path.type) - KINDS.indexOf(b.path.type) ||
    b.path.value.length - a.path.value.length ||
    Number(b.method !== undefined) - Number(a.method !== undefined) ||
    b.headers.length - a.headers.length ||
    b.queryParams.length - a.queryParams.length
  );
}

export function hasUsableRegexes({ path, headers, queryParams }: HttpRouteMatch): boolean {
  return [path, ...headers, ...queryParams].every(
    ({ type, value }) => type !== 'RegularExpression' || isUsableRegex(value),
  );
}
