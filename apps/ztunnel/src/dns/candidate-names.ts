/** A name that a service may have for a query to mean it. */
export interface CandidateName {
  readonly name: string;
  /** Set if a search suffix was taken off: how many labels of the query were left. */
  readonly strippedTo: number | null;
}

/**
 * The names under which a queried name may be known, best first: itself, itself as a short form of a name of Kubernetes, and
 * both again after each suffix that a pod's resolver appends by itself (the pod's namespace, `svc`, the cluster domain).
 */
export function candidateNames(
  labels: readonly string[],
  namespace: string,
  clusterDomain: string,
): readonly CandidateName[] {
  const found = new Map<string, CandidateName>();
  const add = (name: string, strippedTo: number | null): void => {
    if (!found.has(name)) found.set(name, { name, strippedTo });
  };
  const addAll = (own: readonly string[], strippedTo: number | null): void => {
    add(own.join('.'), strippedTo);
    for (const name of expansions(own, namespace, clusterDomain)) add(name, strippedTo);
  };
  addAll(labels, null);
  for (const suffix of [`${namespace}.svc.${clusterDomain}`, `svc.${clusterDomain}`, clusterDomain]) {
    const left = labels.length - suffix.split('.').length;
    if (left > 0 && labels.slice(left).join('.') === suffix) addAll(labels.slice(0, left), left);
  }
  return [...found.values()];
}

/** Full names of which the labels may be the beginning. Pods behind headless services have one label more than services. */
function expansions(labels: readonly string[], namespace: string, clusterDomain: string): readonly string[] {
  const name = labels.join('.');
  const endsInSvc = labels.at(-1) === 'svc';
  switch (labels.length) {
    case 1:
      return [`${name}.${namespace}.svc.${clusterDomain}`];
    case 2:
      return [`${name}.svc.${clusterDomain}`, `${name}.${namespace}.svc.${clusterDomain}`];
    case 3:
      return [...(endsInSvc ? [`${name}.${clusterDomain}`] : []), `${name}.svc.${clusterDomain}`];
    case 4:
      return endsInSvc ? [`${name}.${clusterDomain}`] : [];
    default:
      return [];
  }
}

/** The name itself, then `*.` with ever shorter parents: `a.b.c`, `*.b.c`, `*.c`. */
export function withWildcards(name: string): readonly string[] {
  const labels = name.split('.');
  return [name, ...labels.slice(1).map((_, i) => `*.${labels.slice(i + 1).join('.')}`)];
}
