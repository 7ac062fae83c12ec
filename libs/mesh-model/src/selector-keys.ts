/**
 * Index keys by which a labelled workload finds what selects it, without a walk over all selectors: a selector stands under
 * one of its pairs, a workload looks under each of its own. `scope` is a namespace, or `*` for all.
 */
type Labels = Readonly<Record<string, string>>;

const keyOf = (scope: string, label: string, value: string): string => `${scope}|${label}=${value}`;

/** The key a selector stands under; none if it selects by nothing. */
export function selectorKeys(scope: string, selector: Labels): readonly string[] {
  const label = Object.keys(selector).sort()[0];
  return label === undefined ? [] : [keyOf(scope, label, selector[label]!)];
}

/** The keys that a workload with these labels looks under. */
export function labelKeys(scope: string, labels: Labels): readonly string[] {
  return Object.entries(labels).map(([label, value]) => keyOf(scope, label, value));
}
