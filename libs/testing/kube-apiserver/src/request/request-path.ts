/** A path below /api/v1 or /apis/<group>/<version>, taken apart. Empty strings where the path does not go so far. */
export interface ResourcePath {
  readonly group: string;
  readonly version: string;
  readonly namespace: string;
  readonly plural: string;
  readonly name: string;
  readonly subresource: string;
  /** What follows the subresource, as in `services/x/proxy/<rest>`. */
  readonly rest: string;
  /** The old form /api/v1/watch/... */
  readonly watch: boolean;
}

function decodeSegment(segment: string): string | null {
  try {
    return decodeURIComponent(segment);
  } catch {
    return null;
  }
}

/** Null for every path that does not name a resource. */
export function parseResourcePath(pathname: string): ResourcePath | null {
  const segments: string[] = [];
  for (const raw of pathname.split('/')) {
    if (raw === '') continue;
    const segment = decodeSegment(raw);
    if (segment === null) return null;
    segments.push(segment);
  }
  const root = segments.shift();
  let group = '';
  if (root === 'apis') group = segments.shift() ?? '';
  else if (root !== 'api') return null;
  const version = segments.shift();
  if (version === undefined || segments.length === 0) return null;
  const watch = segments[0] === 'watch' && segments.length > 1;
  if (watch) segments.shift();
  let namespace = '';
  if (segments[0] === 'namespaces' && segments.length > 1) {
    namespace = segments[1]!;
    if (segments.length > 2 && segments[2] !== 'status' && segments[2] !== 'finalize') segments.splice(0, 2);
    else namespace = '';
  }
  const [plural = '', name = '', subresource = '', ...rest] = segments;
  return { group, version, namespace, plural, name, subresource, rest: rest.join('/'), watch };
}
