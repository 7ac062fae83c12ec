import type { FetchContext, Graph } from '@weft/collections';
import { covers } from '@weft/gateway-api';
import {
  compareByAge,
  ISTIO_GATEWAYS,
  selectorMatches,
  type IstioGatewaySpec,
  type ObjectMeta,
  type VirtualServiceSpec,
} from '@weft/mesh-api';
import type { MeshSources } from '../mesh-sources.js';
import type { Readable, RouteSources } from '../waypoints/route-sources.js';
import type { IngressListener } from './ingress-gateway.js';
import type { BoundVirtualService, IstioServer, IstioServerKind, ServerFault } from './istio-server.js';
import { PortClaims } from './port-claims.js';
import { serverCredentials } from './server-credentials.js';

/** Proxies of a Gateway of the Gateway API, which Gateways of Istio may select. */
export interface SelectedGateway {
  readonly namespace: string;
  readonly name: string;
  /** Of its pods. */
  readonly labels: Readonly<Record<string, string>>;
  readonly listeners: readonly IngressListener[];
}

export interface IstioServers {
  readonly servers: readonly IstioServer[];
  readonly faults: readonly ServerFault[];
}

export type IstioServersOf = (fetch: FetchContext, gateway: SelectedGateway) => IstioServers;

type Server = IstioGatewaySpec['servers'][number];

const ALL = 'all';

/** Of the Gateways that select the pods the oldest opens a port first; others join it where they can be told apart. */
export function istioServers(graph: Graph, sources: MeshSources, routes: RouteSources): IstioServersOf {
  const parsed = graph.derive<unknown, Readable<IstioGatewaySpec>>(
    'parsed Istio gateways',
    sources.istioGateways,
    (object) => {
      const { meta, spec } = ISTIO_GATEWAYS.parse(object);
      return spec === null ? undefined : { meta, spec };
    },
  );
  const all = graph.index('Istio gateways', parsed, () => [ALL]);
  return (fetch, gateway) => {
    const selecting = fetch
      .lookup(all, ALL)
      .filter(({ spec }) => selectorMatches(spec.selector, gateway.labels))
      .toSorted((a, b) => compareByAge(a.meta, b.meta));
    const claims = new PortClaims(gateway);
    const faults: ServerFault[] = [];
    const servers = selecting.flatMap(({ meta, spec }) =>
      spec.servers.flatMap((server, i) => {
        const tell = (field: string, problem: string): void => {
          faults.push({ gateway: keyOf(meta), message: `spec.servers[${i}].${field}: ${problem}` });
        };
        const found = serverOf(fetch, { sources, routes, gateway }, { meta, server, claims, tell });
        return found === null ? [] : [found];
      }),
    );
    return { servers, faults };
  };
}

const keyOf = ({ namespace, name }: ObjectMeta): string => `${namespace}/${name}`;

interface Around {
  readonly sources: MeshSources;
  readonly routes: RouteSources;
  readonly gateway: SelectedGateway;
}

interface ServerAt {
  readonly meta: ObjectMeta;
  readonly server: Server;
  readonly claims: PortClaims;
  readonly tell: (field: string, problem: string) => void;
}

/** Null: nothing of it can be served here. */
function serverOf(
  fetch: FetchContext,
  { sources, routes, gateway }: Around,
  { meta, server, claims, tell }: ServerAt,
): IstioServer | null {
  const kind = kindOf(server);
  if (kind === null) {
    tell('tls.mode', 'AUTO_PASSTHROUGH is not supported; use PASSTHROUGH with the names of the services');
    return null;
  }
  const bind = server.bind ?? '';
  if (bind !== '' && bind !== '0.0.0.0') {
    tell('bind', `${bind} is not supported; remove it: the gateway listens on every address`);
    return null;
  }
  const { number: port, name: portName } = server.port;
  const taken = claims.conflict(port, kind);
  if (taken !== null) {
    tell('port', `${port} already ${taken}; use another port`);
    return null;
  }
  const served = server.hosts.map((one) => servedHost(one, meta.namespace));
  const free = served.filter(({ host }) => {
    const holder = claims.holderOf(port, kind, host);
    if (holder !== null) tell('hosts', `${host} already belongs to ${holder} on port ${port}; use another host`);
    return holder === null;
  });
  if (free.length === 0) return null;
  const hosts = [...new Set(free.map(({ host }) => host))];
  claims.take(port, kind, hosts, `Gateway ${keyOf(meta)}`);
  const tls = kind === 'https' || kind === 'tls' ? (server.tls ?? null) : null;
  const secrets = (key: string) => ({
    credential: fetch.get(sources.credentials, key),
    roots: fetch.get(sources.credentialRoots, key),
  });
  const { credentials, faults } = serverCredentials(tls, gateway.namespace, secrets);
  for (const fault of faults) tell('tls', fault);
  const bound = routes.virtualServicesAt(fetch, keyOf(meta)).filter((one) => isSeenFrom(one, gateway.namespace));
  return {
    gateway: keyOf(meta),
    portName,
    port,
    kind,
    hosts,
    httpsRedirect: server.tls?.httpsRedirect === true,
    tls,
    credentials,
    virtualServices: bound.flatMap((one): readonly BoundVirtualService[] => {
      const common = commonHosts(one, free);
      return common.length === 0
        ? []
        : routes.withDelegates(fetch, [one]).map((whole) => ({ ...whole, hosts: common }));
    }),
  };
}

function kindOf({ port, tls }: Server): IstioServerKind | null {
  const protocol = port.protocol.toUpperCase();
  if (protocol === 'HTTPS' || protocol === 'TLS') {
    const mode = tls?.mode ?? 'PASSTHROUGH';
    if (mode === 'AUTO_PASSTHROUGH') return null;
    if (mode === 'PASSTHROUGH') return 'passthrough';
    return protocol === 'HTTPS' ? 'https' : 'tls';
  }
  return ['HTTP', 'HTTP2', 'GRPC', 'GRPC-WEB'].includes(protocol) ? 'http' : 'tcp';
}

interface ServedHost {
  readonly host: string;
  /** Of VirtualServices; null: any. */
  readonly namespace: string | null;
}

/** `host`, `namespace/host`, `./host` or `*`/host. */
function servedHost(text: string, own: string): ServedHost {
  const slash = text.indexOf('/');
  const namespace = slash === -1 ? '*' : text.slice(0, slash);
  return {
    host: text.slice(slash + 1).toLowerCase(),
    namespace: namespace === '*' ? null : namespace === '.' ? own : namespace,
  };
}

function commonHosts({ meta, spec }: Readable<VirtualServiceSpec>, served: readonly ServedHost[]): readonly string[] {
  const open = served.filter(({ namespace }) => namespace === null || namespace === meta.namespace);
  const pairs = spec.hosts.flatMap((own) => open.flatMap(({ host }) => narrower(host, own.toLowerCase()) ?? []));
  return [...new Set(pairs)];
}

/** Null: they have no host in common. */
export function narrower(a: string, b: string): string | null {
  if (a === b || a === '*') return b;
  if (b === '*') return a;
  return covers(a, b) ? b : covers(b, a) ? a : null;
}

function isSeenFrom({ meta, spec: { exportTo } }: Readable<VirtualServiceSpec>, namespace: string): boolean {
  if (exportTo.length === 0 || exportTo.includes('*')) return true;
  return exportTo.includes(namespace) || (exportTo.includes('.') && meta.namespace === namespace);
}
