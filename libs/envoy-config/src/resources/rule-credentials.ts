import type { Collection, FetchContext } from '@weft/collections';
import type { ClientTls } from '@weft/mesh-api';
import type { AttachedService, MeshModel } from '@weft/mesh-model';
import { SECRET_TYPE_URL } from '@weft/xds';
import { Secret } from '@weft/xds/gen/envoy/extensions/transport_sockets/tls/v3/secret.js';
import { certificateSecret, rootsSecret } from '../connections/secret-names.js';
import { proxyResource, SAME_VERSION, type ProxyResource } from './proxy-resource.js';

/** A service whose DestinationRules proxies of a waypoint or gateway follow. */
export interface CredentialUser {
  readonly key: string;
  readonly gateway: string;
  readonly rules: AttachedService['destinationRules'];
}

interface UsedCredential {
  readonly key: string;
  readonly from: string;
  readonly gateway: string;
  readonly name: string;
}

/**
 * Secrets that DestinationRules name. They are looked for in the namespace of the proxy, as in Istio, and sent to proxies that have
 * such a rule and to nobody else. One that is missing or broken is not sent: connections that need it are not made.
 */
export function ruleCredentials(
  { graph, sources }: MeshModel,
  place: string,
  users: Collection<CredentialUser>,
): Collection<ProxyResource> {
  const used = graph.deriveMany<CredentialUser, UsedCredential>(
    `credentials used by ${place}`,
    users,
    ({ key: from, gateway, rules }) =>
      credentialNames(rules).map((name) => ({ from, key: `${gateway}|${name}`, gateway, name })),
    { key: ({ from, key }) => `${from} ${key}` },
  );
  const grouped = graph.group(`credentials of ${place}`, used, ({ key }) => [key]);
  return graph.deriveMany(
    `secrets of ${place}`,
    grouped,
    ({ members: [first] }, fetch) => {
      const { gateway, name } = first!;
      const namespace = gateway.slice(0, gateway.indexOf('/'));
      const secrets = [
        certificateOf(fetch, `${namespace}/${name}`, name),
        rootsOf(fetch, `${namespace}/${name}`, name),
      ];
      return secrets.flatMap((secret) =>
        secret === null ? [] : [proxyResource(gateway, SECRET_TYPE_URL, secret.name, Secret.encode(secret).finish())],
      );
    },
    SAME_VERSION,
  );

  function certificateOf(fetch: FetchContext, key: string, name: string): Secret | null {
    const certificate = fetch.get(sources.credentials, key)?.certificate;
    if (!certificate) return null;
    const value = { certificateChain: inline(certificate.chain), privateKey: inline(certificate.key) };
    return Secret.fromPartial({ name: certificateSecret(name), type: { $case: 'tlsCertificate', value } });
  }

  /** In a Secret of their own, or beside the certificate. */
  function rootsOf(fetch: FetchContext, key: string, name: string): Secret | null {
    const { roots, crl } = fetch.get(sources.credentialRoots, `${key}-cacert`) ??
      fetch.get(sources.credentialRoots, key) ?? { roots: null, crl: null };
    if (roots === null) return null;
    const value = { trustedCa: inline(roots), ...(crl === null ? {} : { crl: inline(crl) }) };
    return Secret.fromPartial({ name: rootsSecret(name), type: { $case: 'validationContext', value } });
  }
}

const inline = (text: string) => ({ specifier: { $case: 'inlineString' as const, value: text } });

function credentialNames(rules: AttachedService['destinationRules']): readonly string[] {
  const policies = rules.flatMap(({ spec: { trafficPolicy, subsets } }) => [
    trafficPolicy,
    ...subsets.map((subset) => subset.trafficPolicy),
  ]);
  const settings: readonly (ClientTls | undefined)[] = policies.flatMap((policy) => [
    policy?.tls,
    ...(policy?.portLevelSettings ?? []).map(({ tls }) => tls),
  ]);
  const names = settings.flatMap((tls) =>
    tls?.mode === 'SIMPLE' || tls?.mode === 'MUTUAL' ? (tls.credentialName ?? []) : [],
  );
  return [...new Set(names.filter((name) => name !== '').map((name) => name.replace(/^kubernetes:\/\//, '')))];
}
