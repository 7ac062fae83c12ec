import type { Collection } from '@weft/collections';
import type { MeshModel } from '@weft/mesh-model';
import type { RequestPolicies } from '../chains/request-filters.js';
import { jwksSource } from './jwt-filter.js';

/** Keys that somebody needs. */
export interface JwksSource {
  /** Their address, or that of the discovery document of the issuer; the key of the entry. */
  readonly url: string;
  /** For one attempt to fetch them: the longest that a rule allows. */
  readonly timeoutMs: number;
}

interface Use {
  readonly user: string;
  readonly url: string;
  readonly timeoutMs: number;
}

const DEFAULT_TIMEOUT_MS = 5000;
/** A fetch that hangs would keep the next one waiting. */
const LONGEST_TIMEOUT_MS = 60_000;

/** The addresses of keys that RequestAuthentications at waypoints and gateways need. */
export function jwksSources(model: MeshModel): Collection<JwksSource> {
  const { graph, attachedServices, attachedWorkloads, ingressGateways } = model;
  const key = ({ user, url }: Use): string => `${user} ${url}`;
  const used = graph.union('used keys of token issuers', [
    graph.deriveMany('keys used for services', attachedServices, (one) => usesOf(`s/${one.key}`, one), { key }),
    graph.deriveMany('keys used for workloads', attachedWorkloads, (one) => usesOf(`w/${one.key}`, one), { key }),
    graph.deriveMany('keys used by gateways', ingressGateways, (one) => usesOf(`g/${one.key}`, one), { key }),
  ]);
  const byUrl = graph.group('users of token issuers', used, ({ url }) => [url]);
  return graph.derive('addresses of keys', byUrl, ({ key: url, members }) => ({
    url,
    timeoutMs: Math.max(...members.map(({ timeoutMs }) => timeoutMs)),
  }));
}

function usesOf(user: string, { requestAuthentications }: Pick<RequestPolicies, 'requestAuthentications'>): Use[] {
  const timeouts = new Map<string, number>();
  for (const rule of requestAuthentications.flatMap(({ spec }) => spec.jwtRules)) {
    const url = jwksSource(rule);
    if (url === null) continue;
    const timeoutMs = Math.min(rule.timeout ?? DEFAULT_TIMEOUT_MS, LONGEST_TIMEOUT_MS);
    timeouts.set(url, Math.max(timeoutMs, timeouts.get(url) ?? 0));
  }
  return [...timeouts].map(([url, timeoutMs]) => ({ user, url, timeoutMs }));
}
