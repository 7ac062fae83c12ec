import type { NamespaceSelector } from '@weft/mesh-api';

type Labels = Readonly<Record<string, string>>;

export interface NamespaceChoice {
  readonly from: 'All' | 'Same' | 'Selector' | 'None';
  readonly selector?: NamespaceSelector | undefined;
}

/** Whether a resource of another namespace may attach. A selector that is missing or not understood selects nothing. */
export function allowsNamespace(
  { from, selector }: NamespaceChoice,
  home: string,
  other: { readonly namespace: string; readonly labels: Labels },
): boolean {
  if (from === 'All') return true;
  if (from === 'Same') return home === other.namespace;
  return from === 'Selector' && selector !== undefined && selects(selector, other.labels);
}

function selects({ matchLabels, matchExpressions }: NamespaceSelector, labels: Labels): boolean {
  const equal = Object.entries(matchLabels).every(([key, value]) => labels[key] === value);
  return equal && matchExpressions.every((expression) => matches(expression, labels));
}

function matches({ key, operator, values }: NamespaceSelector['matchExpressions'][number], labels: Labels): boolean {
  const value = Object.hasOwn(labels, key) ? labels[key] : undefined;
  switch (operator) {
    case 'In':
      return value !== undefined && values.includes(value);
    case 'NotIn':
      return value === undefined || !values.includes(value);
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
      return value === undefined;
    default:
      return false;
  }
}
