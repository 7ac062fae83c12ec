/** What `.dockerconfigjson` of a pull Secret has for a registry, as the content of a Basic header; null: nothing. */
export function pullCredentials(dockerConfig: string, registry: string): string | null {
  const auths = read(dockerConfig);
  for (const [key, entry] of Object.entries(auths)) {
    if (hostOf(key) !== hostOf(registry) || typeof entry !== 'object' || entry === null) continue;
    const { auth, username, password } = entry as Readonly<Record<string, unknown>>;
    if (typeof auth === 'string' && auth !== '') return auth;
    if (typeof username === 'string' && typeof password === 'string')
      return Buffer.from(`${username}:${password}`).toString('base64');
  }
  return null;
}

function read(dockerConfig: string): Readonly<Record<string, unknown>> {
  try {
    const { auths } = JSON.parse(dockerConfig) as { auths?: unknown };
    return typeof auths === 'object' && auths !== null ? (auths as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

const HUB_HOSTS = ['docker.io', 'index.docker.io', 'registry-1.docker.io'];

/** Keys are hosts, or addresses such as `https://index.docker.io/v1/`. */
function hostOf(key: string): string {
  const host = key
    .replace(/^https?:\/\//i, '')
    .replace(/\/.*$/s, '')
    .toLowerCase();
  return HUB_HOSTS.includes(host) ? 'docker.io' : host;
}
