import type { VirtualServiceHttpRoute, VirtualServiceSpec } from '@weft/mesh-api';
import { mergedMatch } from './merged-match.js';
import type { Readable } from './route-sources.js';

type Delegate = NonNullable<VirtualServiceHttpRoute['delegate']>;
type Service = Readable<VirtualServiceSpec>;

/**
 * A VirtualService with the routes of those that it delegates to in their places, as several in a row: hosts without dots mean
 * Services in the namespace of the resource that names them. Where there is no such delegate the route stays, and answers 500.
 */
export function withDelegates(
  { meta, spec }: Service,
  find: (namespace: string, name: string) => Service | undefined,
): readonly Service[] {
  if (spec.http.every(({ delegate }) => delegate === undefined)) return [{ meta, spec }];
  const parts = spec.http.map((rule, i): Service => {
    const found = rule.delegate === undefined ? undefined : delegateOf(rule.delegate, meta.namespace, find);
    if (found === undefined) return part(meta, spec, [named(meta, rule, i)]);
    return part(
      found.meta,
      spec,
      found.spec.http.flatMap((one, j) => merged(rule, named(found.meta, one, j))),
    );
  });
  // What is not HTTP is in the first alone.
  return [{ meta, spec: { ...spec, http: [] } }, ...parts];
}

/** By its place in the resource, as without delegates. */
const named = ({ namespace, name }: Service['meta'], rule: VirtualServiceHttpRoute, place: number) => ({
  ...rule,
  name: rule.name ?? `${namespace}.${name}.${place}`,
});

const part = (meta: Service['meta'], spec: VirtualServiceSpec, http: VirtualServiceSpec['http']): Service => ({
  meta,
  spec: { ...spec, http, tls: [], tcp: [] },
});

/** One with hosts of its own is no delegate, and a delegate does not delegate again. */
function delegateOf(
  { name = '', namespace }: Delegate,
  home: string,
  find: (namespace: string, name: string) => Service | undefined,
): Service | undefined {
  const found = find(namespace ?? home, name);
  if (found === undefined || found.spec.hosts.length > 0) return undefined;
  const { exportTo } = found.spec;
  const isSeen =
    exportTo.length === 0 ||
    exportTo.includes('*') ||
    exportTo.includes(home) ||
    (exportTo.includes('.') && found.meta.namespace === home);
  return isSeen ? found : undefined;
}

/** The delegate's own settings go before those of the route that names it. */
function merged(outer: VirtualServiceHttpRoute, inner: VirtualServiceHttpRoute): readonly VirtualServiceHttpRoute[] {
  const match =
    outer.match.length === 0 || inner.match.length === 0
      ? [...outer.match, ...inner.match]
      : outer.match.flatMap((a) => inner.match.flatMap((b) => mergedMatch(a, b) ?? []));
  // Without conditions it would take everything.
  if (match.length === 0 && outer.match.length + inner.match.length > 0) return [];
  const shared = Object.fromEntries(Object.entries(outer).filter(([key]) => key !== 'delegate')) as Omit<
    VirtualServiceHttpRoute,
    'delegate'
  >;
  return [
    {
      ...shared,
      ...inner,
      match,
      mirrors: inner.mirrors.length > 0 ? inner.mirrors : outer.mirrors,
      ...(outer.name === undefined ? {} : { name: [outer.name, inner.name].join('-') }),
      ...(outer.headers === undefined ? {} : { headers: mergedHeaders(outer.headers, inner.headers) }),
    },
  ];
}

type Headers = NonNullable<VirtualServiceHttpRoute['headers']>;
type Changes = NonNullable<Headers['request']>;
const NONE: Changes = { set: {}, add: {}, remove: [] };

const mergedHeaders = (outer: Headers, inner: Headers = {}): Headers => ({
  request: mergedChanges(outer.request, inner.request),
  response: mergedChanges(outer.response, inner.response),
});

const mergedChanges = (outer: Changes = NONE, inner: Changes = NONE): Changes => ({
  set: { ...outer.set, ...inner.set },
  add: { ...outer.add, ...inner.add },
  remove: [...new Set([...outer.remove, ...inner.remove])],
});
