import type { Retries } from '@weft/mesh-api';
import type { AttachedService } from '@weft/mesh-model';
import { duration } from '../messages/duration.js';
import { encodedHost, splicedRoutes, type EncodedRoutes } from '../messages/spliced-routes.js';
import type { RouteDraft } from '../routes/forward.js';
import { effectivePolicy } from '../clusters/effective-policy.js';
import { hashPolicyOf } from '../clusters/load-balancing.js';
import { istioRetries } from '../routes/retry-policy.js';
import { routesOfPort } from '../routes/routes-of-port.js';
import type { MeshSettings } from '../resources/mesh-settings.js';
import { byClientNamespace } from './client-matcher.js';
import { dynamicDomains, isDynamic } from './dynamic-hosts.js';
import { portRoutes } from '../routes/port-routes.js';
import { vipName, type VipPort } from '../services/vip-service.js';

const MAX_DIRECT_RESPONSE_BYTES = 1_048_576;

/** How requests to one port of a service are routed. */
export function vipRoutes(attached: AttachedService, port: VipPort, mesh: MeshSettings): EncodedRoutes {
  const routes = (clientNamespace?: string) => [...routesOf(attached, port, { mesh, clientNamespace })];
  const namespaces = clientNamespaces(attached, port.number);
  const name = vipName(attached.claim.hostname, port.number, 'http');
  const matcher =
    namespaces.length === 0
      ? {}
      : {
          matcher: byClientNamespace(
            namespaces.map((namespace) => ({ namespace, routes: routes(namespace) })),
            routes(),
            mesh.trustDomains,
          ),
        };
  const domains = isDynamic(attached) ? dynamicDomains(attached, port) : ['*'];
  const host = {
    name: `inbound|http|${port.number}`,
    domains: [...domains],
    includeRequestAttemptCount: true,
    ...matcher,
  };
  return splicedRoutes({ name, validateClusters: false, maxDirectResponseBodySizeBytes: MAX_DIRECT_RESPONSE_BYTES }, [
    encodedHost({ host, routes: namespaces.length === 0 ? routes() : [] }),
  ]);
}

/** The namespaces whose clients are routed in a way of their own. */
function clientNamespaces(attached: AttachedService, port: number): readonly string[] {
  const { claim, consumers, virtualServices } = attached;
  const own = Object.keys(consumers).filter((one) => portRoutes({ claim, ...consumers[one]! }, port) !== null);
  const named = virtualServices.flatMap(({ spec }) =>
    spec.http.flatMap(({ match }) => match.flatMap(({ sourceNamespace }) => sourceNamespace ?? [])),
  );
  return [...new Set([...own, ...named])].sort();
}

interface Clients {
  readonly mesh: MeshSettings;
  readonly clientNamespace: string | undefined;
}

/** With routes of its own a service answers 404 to what none of them matches; without any everything goes to it. */
function routesOf(attached: AttachedService, port: VipPort, { mesh, clientNamespace }: Clients): readonly RouteDraft[] {
  const { claim, consumers } = attached;
  const own = clientNamespace === undefined ? undefined : consumers[clientNamespace];
  const inPlace = own !== undefined && portRoutes({ claim, ...own }, port.number) !== null ? own : {};
  const { clusterDomain } = mesh;
  const defaultRetries = mesh.defaults?.defaultHttpRetryPolicy;
  const context = { clusterDomain, port: port.number, clientNamespace, defaultRetries };
  return routesOfPort({ ...attached, ...inPlace }, context) ?? [defaultRoute(attached, port.number, defaultRetries)];
}

function defaultRoute(
  { claim, destinationRules }: AttachedService,
  port: number,
  retries: Retries | undefined,
): RouteDraft {
  const hashPolicy = [...hashPolicyOf(effectivePolicy(destinationRules, port).loadBalancer)];
  const policy = istioRetries(retries, hashPolicy.length > 0);
  return {
    name: 'default',
    match: { pathSpecifier: { $case: 'prefix', value: '/' } },
    action: {
      $case: 'route',
      value: {
        clusterSpecifier: { $case: 'cluster', value: vipName(claim.hostname, port, 'http') },
        timeout: duration(0),
        hashPolicy,
        ...(policy === null ? {} : { retryPolicy: policy }),
      },
    },
  };
}
