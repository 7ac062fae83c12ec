/** A host as Istio's resources name it: one without dots is a Service of the resource's own namespace. */
export function qualifiedHost(host: string, namespace: string, clusterDomain: string): string {
  const lower = host.toLowerCase();
  return lower.includes('.') || lower === '*' ? lower : `${lower}.${namespace}.svc.${clusterDomain}`;
}

/** What a host may be named by, the most specific first: itself, `*.` and each of its suffixes, `*`. */
export function hostPatterns(host: string): readonly string[] {
  const patterns = [host];
  for (let dot = host.indexOf('.'); dot !== -1; dot = host.indexOf('.', dot + 1)) patterns.push(`*${host.slice(dot)}`);
  return [...patterns, '*'];
}
