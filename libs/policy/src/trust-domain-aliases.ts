/**
 * The principals that mean the same mesh: where a principal names one of `trustDomains`, it stands for all of them. A pattern
 * that already covers a name is not written again for it, and `cluster.local` always means the mesh's own names, as in Istio.
 */
export function withTrustDomainAliases(
  principals: readonly string[],
  trustDomains: readonly string[],
): readonly string[] {
  if (trustDomains.length === 0) return principals;
  return [...new Set(principals.flatMap((principal) => sameNames(principal, trustDomains)))];
}

const DEFAULT_TRUST_DOMAIN = 'cluster.local';

function sameNames(principal: string, trustDomains: readonly string[]): readonly string[] {
  const slash = principal.indexOf('/');
  // `*`, `*/ns/shop/...` and other patterns without a trust domain hold for every one.
  if (slash < 0) return [principal];
  const [written, rest] = [principal.slice(0, slash), principal.slice(slash)];
  if (written === '*' || written === '') return [principal];
  const covers = (trustDomain: string): boolean =>
    written.startsWith('*') ? trustDomain.endsWith(written.slice(1)) : written === trustDomain;
  if (written !== DEFAULT_TRUST_DOMAIN && !trustDomains.some(covers)) return [principal];
  return trustDomains.map((trustDomain) => (covers(trustDomain) ? principal : trustDomain + rest));
}
