import type { Collection, FetchContext, Graph } from '@weft/collections';
import {
  fails,
  holds,
  judgeBackendTls,
  type JudgedBackendTls,
  type TrustedRoots,
  type Verdict,
} from '@weft/gateway-api';
import {
  BACKEND_TLS_POLICIES,
  compareByAge,
  formatProblem,
  type BackendTlsPolicySpec,
  type ObjectMeta,
  type ParsedResource,
} from '@weft/mesh-api';
import type { MeshSources } from '../mesh-sources.js';
import type { ServiceClaim } from '../service-claim.js';

type SubjectAltNames = BackendTlsPolicySpec['validation']['subjectAltNames'];

/** How connections to one port of a service are encrypted. */
export type BackendTls =
  | {
      readonly kind: 'verified';
      /** In the handshake; in the certificate, too, unless there are `subjectAltNames`. */
      readonly hostname: string;
      readonly subjectAltNames: SubjectAltNames;
      readonly roots: TrustedRoots;
    }
  /** The policy cannot be kept: no connection is opened. */
  | { readonly kind: 'refused' };

/** By number of the service's port; a port that no policy speaks of is not there. */
export type BackendTlsByPort = Readonly<Record<number, BackendTls>>;

/** A service, or a port of it, that a policy is for. */
export interface BackendTlsTarget {
  /** `<kind>/<namespace>/<name>`. */
  readonly service: string;
  /** Name of the port; undefined is every port without a policy of its own. */
  readonly port: string | undefined;
}

export interface BackendTlsState {
  readonly meta: ObjectMeta;
  readonly targets: readonly BackendTlsTarget[];
  readonly accepted: Verdict;
  readonly resolvedRefs: Verdict;
  readonly tls: BackendTls;
}

export interface BackendTlsPolicies {
  readonly states: Collection<BackendTlsState>;
  readonly of: (fetch: FetchContext, claim: ServiceClaim) => BackendTlsByPort;
  /** The policy that has the target; another one that names it has no effect there. */
  readonly winnerOf: (fetch: FetchContext, target: BackendTlsTarget) => ObjectMeta | undefined;
}

/** BackendTLSPolicies; of several for one target the oldest is in force. */
export function backendTlsPolicies(graph: Graph, sources: MeshSources): BackendTlsPolicies {
  const states = graph.derive<unknown, BackendTlsState>(
    'backend TLS policies',
    sources.backendTlsPolicies,
    (object, fetch) => {
      const parsed = BACKEND_TLS_POLICIES.parse(object);
      const { meta, spec } = parsed;
      const { roots, ...verdicts } = judge(parsed, (namespace, name) =>
        fetch.get(sources.trustBundles, `${namespace}/${name}`),
      );
      const targets = (spec?.targetRefs ?? rawTargets(object)).map(({ kind, name, sectionName }) => ({
        service: `${kind}/${meta.namespace}/${name}`,
        port: sectionName,
      }));
      const tls: BackendTls =
        spec === null || roots === null ? { kind: 'refused' } : { kind: 'verified', ...namesOf(spec), roots };
      return { meta, targets, ...verdicts, tls };
    },
  );
  const byService = graph.index('backend TLS policies by service', states, ({ targets }) => [
    ...new Set(targets.map(({ service }) => service)),
  ]);
  const oldest = (fetch: FetchContext, { service, port }: BackendTlsTarget): BackendTlsState | undefined =>
    fetch
      .lookup(byService, service)
      .filter(({ targets }) => targets.some((one) => one.service === service && one.port === port))
      .toSorted((a, b) => compareByAge(a.meta, b.meta))[0];
  return {
    states,
    winnerOf: (fetch, target) => oldest(fetch, target)?.meta,
    of: (fetch, { kind, meta, ports }) => {
      const service = `${kind}/${meta.namespace}/${meta.name}`;
      if (fetch.lookup(byService, service).length === 0) return NONE;
      const general = oldest(fetch, { service, port: undefined });
      return Object.fromEntries(
        ports.flatMap(({ name, servicePort }) => {
          const policy = oldest(fetch, { service, port: name }) ?? general;
          return policy === undefined ? [] : [[servicePort, policy.tls]];
        }),
      );
    },
  };
}

const NONE: BackendTlsByPort = {};
const MAX_LISTED = 5;

const namesOf = ({ validation: { hostname, subjectAltNames } }: BackendTlsPolicySpec) => ({
  hostname,
  subjectAltNames,
});

function judge(
  { meta, spec, problems }: ParsedResource<BackendTlsPolicySpec>,
  bundleOf: Parameters<typeof judgeBackendTls>[2],
): JudgedBackendTls {
  if (spec !== null) return judgeBackendTls(meta.namespace, spec.validation, bundleOf);
  const errors = problems.filter(({ severity }) => severity === 'error');
  return {
    accepted: fails('Invalid', errors.slice(0, MAX_LISTED).map(formatProblem).join('; ')),
    resolvedRefs: holds('ResolvedRefs', 'All references resolved'),
    roots: null,
  };
}

interface RawTarget {
  readonly kind: string;
  readonly name: string;
  readonly sectionName?: string | undefined;
}

/** Of a policy that cannot be read: what it is for must not go out in plain text. */
function rawTargets(object: unknown): readonly RawTarget[] {
  const refs = (object as { spec?: { targetRefs?: unknown } } | null)?.spec?.targetRefs;
  return (Array.isArray(refs) ? (refs as unknown[]) : []).flatMap((ref) => {
    const { kind, name, sectionName } = (ref ?? {}) as Readonly<Record<string, unknown>>;
    if (typeof kind !== 'string' || typeof name !== 'string') return [];
    return [{ kind, name, sectionName: typeof sectionName === 'string' ? sectionName : undefined }];
  });
}
