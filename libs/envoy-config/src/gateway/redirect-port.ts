import type { RouteDraft } from '../routes/forward.js';

export interface ListenerEntry {
  readonly port: number;
  readonly isTls: boolean;
}

const WELL_KNOWN: Readonly<Record<string, number>> = { http: 80, https: 443 };

/**
 * A redirect that names no port is to the well-known one of the scheme that it names, else to the listener's. A port that the
 * scheme implies is not written.
 *
 * @see Gateway API, HTTPRequestRedirectFilter.port
 */
export function withListenerPort(route: RouteDraft, entry: ListenerEntry): RouteDraft {
  if (route.action?.$case !== 'redirect') return route;
  const last = remembered.get(route);
  if (last?.entry.port === entry.port && last.entry.isTls === entry.isTls) return last.route;
  const written = redirectFrom(route, entry);
  remembered.set(route, { entry, route: written });
  return written;
}

/** So that what did not change stays the same object. */
const remembered = new WeakMap<RouteDraft, { readonly entry: ListenerEntry; readonly route: RouteDraft }>();

function redirectFrom(route: RouteDraft, { port, isTls }: ListenerEntry): RouteDraft {
  if (route.action?.$case !== 'redirect') return route;
  const { value = {} } = route.action;
  const named =
    value.schemeRewriteSpecifier?.$case === 'schemeRedirect' ? value.schemeRewriteSpecifier.value : undefined;
  const scheme = named ?? (isTls ? 'https' : 'http');
  const wanted = value.portRedirect || (named === undefined ? port : WELL_KNOWN[scheme]!);
  // Envoy takes a port that it is not told from the request, which may have none: then nothing is written either.
  const portRedirect = wanted === WELL_KNOWN[scheme] ? 0 : wanted;
  return { ...route, action: { $case: 'redirect', value: { ...value, portRedirect } } };
}
