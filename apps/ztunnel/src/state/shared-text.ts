/** More different texts than these begin anew; what is in use stays so, only no longer shared with what comes. */
const MOST_KNOWN = 50_000;

const known = new Map<string, string>();

/**
 * One string for all that are equal. A decoder makes new ones for every message, and of a mesh with 200,000 workloads most texts
 * (namespaces, accounts, nodes, deployments) are said a hundred times or more.
 */
export function sharedText(text: string): string {
  const found = known.get(text);
  if (found !== undefined) return found;
  if (known.size >= MOST_KNOWN) known.clear();
  known.set(text, text);
  return text;
}
