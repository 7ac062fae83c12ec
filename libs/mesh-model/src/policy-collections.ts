import type { Collection, FetchContext, Graph } from '@weft/collections';
import {
  compareByAge,
  parseAuthorizationPolicy,
  parsePeerAuthentication,
  selectorMatches,
  type AuthorizationPolicy,
  type PeerAuthentication,
} from '@weft/mesh-api';
import {
  convertAuthorizationPolicy,
  convertPeerAuthentication,
  effectiveMtls,
  mtlsPolicyOf,
  staticStrictPolicy,
  type ConvertedAuthorizationPolicy,
} from '@weft/policy';
import type { Authorization } from '@weft/xds/gen/mesh/security/authorization.js';
import type { MeshModelConfig } from './mesh-model-config.js';
import { MESH_TRUST_KEY, type MeshSources } from './mesh-sources.js';
import { labelKeys, selectorKeys } from './selector-keys.js';

type Labels = Readonly<Record<string, string>>;

export interface PolicyState {
  readonly policy: AuthorizationPolicy;
  readonly converted: ConvertedAuthorizationPolicy;
}

/** Why a PeerAuthentication rules nothing; null if it does. */
export interface PeerAuthenticationState {
  readonly policy: PeerAuthentication;
  readonly supersededBy: string | null;
  readonly ignored: string | null;
}

export interface PolicyCollections {
  readonly authorizationPolicies: Collection<PolicyState>;
  readonly peerAuthentications: Collection<PeerAuthenticationState>;
  /** Everything for ztunnel, by `<namespace>/<name>`. */
  readonly authorizations: Collection<Authorization>;
  /** What a workload with these labels has to name, sorted. Policies of its namespace and of the mesh apply unnamed. */
  policiesFor(fetch: FetchContext, namespace: string, labels: Labels): readonly string[];
}

const ALL_NAMESPACES = '*';
const MESH = 'mesh';
const nameOf = ({ namespace, name }: { readonly namespace: string; readonly name: string }): string =>
  `${namespace}/${name}`;

export function policyCollections(graph: Graph, sources: MeshSources, config: MeshModelConfig): PolicyCollections {
  const authorizationPolicies = graph.derive(
    'authorization policy states',
    sources.authorizationPolicies,
    (object, fetch) => {
      const names = fetch.get(sources.trustDomains, MESH_TRUST_KEY);
      const { rootNamespace, dryRunPoliciesEnabled: dryRunEnabled } = config;
      const trustDomains = [names?.trustDomain ?? config.trustDomain, ...(names?.trustDomainAliases ?? [])];
      const options = { rootNamespace, dryRunEnabled, trustDomains };
      const policy = parseAuthorizationPolicy(object);
      return { policy, converted: convertAuthorizationPolicy(policy, options) };
    },
  );
  const bySelector = graph.index('policies by selector', authorizationPolicies, ({ policy, converted }) =>
    selectorKeys(
      policy.meta.namespace === config.rootNamespace ? ALL_NAMESPACES : policy.meta.namespace,
      converted.selector ?? {},
    ),
  );
  const peers = new PeerAuthentications(graph, sources, config);
  return {
    authorizationPolicies,
    peerAuthentications: peers.states,
    authorizations: authorizationsOf(graph, authorizationPolicies, peers, config),
    policiesFor: (fetch, namespace, labels) => {
      const selected = [...labelKeys(namespace, labels), ...labelKeys(ALL_NAMESPACES, labels)]
        .flatMap((key) => fetch.lookup(bySelector, key))
        .filter(({ converted: { selector } }) => selector !== null && selectorMatches(selector, labels))
        .map(({ policy }) => nameOf(policy.meta));
      const mtls = peers.policyFor(fetch, namespace, labels);
      return [...new Set(mtls === null ? selected : [...selected, mtls])].sort();
    },
  };
}

function authorizationsOf(
  graph: Graph,
  states: Collection<PolicyState>,
  peers: PeerAuthentications,
  config: MeshModelConfig,
): Collection<Authorization> {
  const key = (authorization: Authorization): string => nameOf(authorization);
  const fixed = graph.source<Authorization>('static policies');
  const strict = staticStrictPolicy(config.rootNamespace);
  fixed.set(key(strict), strict);
  const written = graph.derive('authorizations', states, ({ converted }) => converted.authorization ?? undefined);
  return graph.union('all authorizations', [fixed, written, peers.converted]);
}

/** Of each scope the oldest rules: the mesh (root namespace), a namespace, the workloads of a selector. */
class PeerAuthentications {
  readonly states: Collection<PeerAuthenticationState>;
  readonly converted: Collection<Authorization>;
  readonly #byScope;

  constructor(
    graph: Graph,
    sources: MeshSources,
    private readonly config: MeshModelConfig,
  ) {
    const parsed = graph.derive('parsed peer authentications', sources.peerAuthentications, parsePeerAuthentication);
    this.#byScope = graph.index('peer authentications by scope', parsed, (policy) => this.#scopesOf(policy));
    this.states = graph.derive('peer authentication states', parsed, (policy, fetch) => this.#stateOf(policy, fetch));
    const key = (authorization: Authorization): string => nameOf(authorization);
    this.converted = graph.deriveMany(
      'converted peer authentications',
      parsed,
      (policy, fetch) => this.#convert(policy, fetch),
      { key },
    );
  }

  /** The policy that refuses plaintext to such a workload, `namespace/name`; null if plaintext is welcome. */
  policyFor(fetch: FetchContext, namespace: string, labels: Labels): string | null {
    const candidates = labelKeys(namespace, labels)
      .flatMap((key) => fetch.lookup(this.#byScope, key))
      .filter(({ spec }) => spec?.selector !== undefined && selectorMatches(spec.selector.matchLabels, labels));
    const workload = oldest(candidates);
    const mtls = effectiveMtls({ ...this.#inherited(fetch, namespace), workload: workload?.spec ?? undefined });
    return mtlsPolicyOf(mtls, this.config.rootNamespace, workload?.meta);
  }

  #scopesOf({ meta, spec }: PeerAuthentication): readonly string[] {
    if (spec === null) return [];
    const root = meta.namespace === this.config.rootNamespace;
    if (spec.selector === undefined) return [root ? MESH : `namespace/${meta.namespace}`];
    return root ? [] : selectorKeys(meta.namespace, spec.selector.matchLabels);
  }

  #inherited(fetch: FetchContext, namespace: string) {
    return {
      mesh: oldest(fetch.lookup(this.#byScope, MESH))?.spec ?? undefined,
      namespace: oldest(fetch.lookup(this.#byScope, `namespace/${namespace}`))?.spec ?? undefined,
    };
  }

  #convert({ meta, spec }: PeerAuthentication, fetch: FetchContext): readonly Authorization[] {
    if (spec?.selector === undefined || meta.namespace === this.config.rootNamespace) return [];
    const mtls = effectiveMtls({ ...this.#inherited(fetch, meta.namespace), workload: spec });
    const authorization = convertPeerAuthentication(meta, mtls);
    return authorization === null ? [] : [authorization];
  }

  #stateOf(policy: PeerAuthentication, fetch: FetchContext): PeerAuthenticationState {
    const { meta, spec } = policy;
    if (spec?.selector !== undefined && meta.namespace === this.config.rootNamespace) {
      return {
        policy,
        supersededBy: null,
        ignored: 'spec.selector: is ignored in the root namespace; move the resource to the namespace of the workloads',
      };
    }
    const scope = spec?.selector === undefined ? this.#scopesOf(policy)[0] : undefined;
    const ruling = scope === undefined ? undefined : oldest(fetch.lookup(this.#byScope, scope));
    const superseded = ruling !== undefined && nameOf(ruling.meta) !== nameOf(meta);
    return { policy, supersededBy: superseded ? nameOf(ruling.meta) : null, ignored: null };
  }
}

const oldest = (policies: readonly PeerAuthentication[]): PeerAuthentication | undefined =>
  [...policies].sort((a, b) => compareByAge(a.meta, b.meta))[0];
