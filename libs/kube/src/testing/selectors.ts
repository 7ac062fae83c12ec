/** Label selectors of the forms `a=b`, `a!=b`, `a in (b,c)`, `a notin (b,c)`, `a`, `!a`, joined by commas. */
export function matchesLabels(selector: string, labels: Readonly<Record<string, string>>): boolean {
  const terms = selector.match(/[^,()]+(\([^)]*\))?/g) ?? [];
  return terms.every((raw) => matchesTerm(raw.trim(), labels));
}

function matchesTerm(term: string, labels: Readonly<Record<string, string>>): boolean {
  const set = /^(\S+)\s+(in|notin)\s+\(([^)]*)\)$/.exec(term);
  if (set !== null) {
    const values = set[3]!.split(',').map((value) => value.trim());
    return values.includes(labels[set[1]!] ?? '') === (set[2] === 'in');
  }
  const equality = /^([^!=\s]+)\s*(!=|==?)\s*(\S*)$/.exec(term);
  if (equality !== null) return (labels[equality[1]!] === equality[3]) === (equality[2] !== '!=');
  return term.startsWith('!') ? !(term.slice(1) in labels) : term in labels;
}

/** Field selectors `path=value` and `path!=value` over any field. */
export function matchesFields(selector: string, object: object): boolean {
  return selector
    .split(',')
    .filter((term) => term !== '')
    .every((term) => {
      const [, path, operator, value] = /^([^!=]+)(!=|==?)(.*)$/.exec(term) ?? [];
      if (path === undefined) return false;
      const found = path
        .split('.')
        .reduce<unknown>((at, name) => (at as Record<string, unknown> | undefined)?.[name], object);
      return (((found as string | undefined) ?? '') === value) === (operator !== '!=');
    });
}
