/** The hosts that both have, null if none; undefined is any host. A wildcard stands for one or more labels. */
export function commonHostname(a: string | undefined, b: string | undefined): string | null | undefined {
  if (a === undefined) return b;
  if (b === undefined) return a;
  if (a === b) return a;
  if (covers(a, b)) return b;
  return covers(b, a) ? a : null;
}

/** True if every host of `narrow` is one of `wide`. */
export function covers(wide: string, narrow: string): boolean {
  if (!wide.startsWith('*.')) return wide === narrow;
  const suffix = wide.slice(1);
  return narrow.length > suffix.length && narrow.endsWith(suffix);
}

/** Which of the route's hosts a listener serves; empty if none, `[undefined]` for any host. */
export function servedHostnames(
  listener: string | undefined,
  route: readonly string[],
): readonly (string | undefined)[] {
  if (route.length === 0) return [listener];
  return [...new Set(route.flatMap((hostname) => commonHostname(listener, hostname) ?? []))];
}
