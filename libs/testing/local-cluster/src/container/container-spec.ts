/** One mount of a container. Sources are paths as the node sees them. */
export interface MountSpec {
  readonly source: string;
  readonly target: string;
  readonly readOnly: boolean;
  /** Whether later mounts on the node appear in the container. */
  readonly propagation: 'private' | 'slave';
  /** What the source has to be: a hostPath type, `any` (created as a directory if missing) or `existing`. */
  readonly sourceType: string;
}

export interface UserSpec {
  readonly uid: number;
  readonly gid: number;
  readonly groups: readonly number[];
}

/** Everything that is decided before a container starts; nothing in it refers to the API any more. */
export interface ContainerSpec {
  readonly podUid: string;
  readonly name: string;
  /** 0, 1, ...: each start has a root of its own. */
  readonly attempt: number;
  readonly hostname: string;
  /** The node's path of the network namespace. */
  readonly netnsPath: string;
  readonly command: readonly string[];
  readonly env: readonly (readonly [string, string])[];
  readonly workingDir: string;
  readonly user: UserSpec;
  /** Sees all devices and keeps all capabilities. */
  readonly privileged: boolean;
  /** Kept of root's capabilities, in Kubernetes' spelling (`NET_ADMIN`). */
  readonly capabilities: readonly string[];
  readonly noNewPrivileges: boolean;
  readonly mounts: readonly MountSpec[];
  /** Files written into the root before it is mounted, by path without a leading slash. */
  readonly files: Readonly<Record<string, string>>;
}

/** What container runtimes leave to root by default. */
const DEFAULT_CAPABILITIES: readonly string[] = [
  'AUDIT_WRITE',
  'CHOWN',
  'DAC_OVERRIDE',
  'FOWNER',
  'FSETID',
  'KILL',
  'MKNOD',
  'NET_BIND_SERVICE',
  'NET_RAW',
  'SETFCAP',
  'SETGID',
  'SETPCAP',
  'SETUID',
  'SYS_CHROOT',
];

/** The default set with a container's `add` and `drop` applied; either may say ALL. */
export function capabilitiesOf(
  change: { readonly add?: readonly string[]; readonly drop?: readonly string[] } | undefined,
): readonly string[] {
  const name = (capability: string): string => capability.toUpperCase().replace(/^CAP_/, '');
  const drop = (change?.drop ?? []).map(name);
  const add = (change?.add ?? []).map(name);
  if (add.includes('ALL')) return ['ALL'];
  const kept = drop.includes('ALL') ? [] : DEFAULT_CAPABILITIES.filter((capability) => !drop.includes(capability));
  return [...new Set([...kept, ...add])].sort();
}

/** The command line that becomes the container's user with its rights, sets the environment and the directory, and runs a command. */
export function userCommand(spec: ContainerSpec, command: readonly string[], rootless: boolean): readonly string[] {
  return [...becomeUser(spec, rootless), ...withEnvironment(spec, command)];
}

/**
 * The same for the container's own command, which runs under a shell with the same user and rights: as pid 1 that shell reaps
 * orphans, and hooks may open its descriptors (`/proc/1/fd/1`) as they may in other runtimes.
 */
export function initCommand(spec: ContainerSpec, rootless: boolean): readonly string[] {
  const init = ['/bin/sh', '-c', '"$@"; exit $?', 'init'];
  return [...becomeUser(spec, rootless), ...init, ...withEnvironment(spec, spec.command)];
}

function withEnvironment(spec: ContainerSpec, command: readonly string[]): readonly string[] {
  const environment = spec.env.map(([key, value]) => `${key}=${value}`);
  return ['/usr/bin/env', '-i', '-C', spec.workingDir, ...environment, ...command];
}

function becomeUser(spec: ContainerSpec, rootless: boolean): readonly string[] {
  const { uid, gid, groups } = spec.user;
  // A user namespace holds one user; another one needs a namespace of its own, in which it is that user.
  if (rootless) return uid === 0 ? [] : ['/usr/bin/unshare', '--user', `--map-user=${uid}`, `--map-group=${gid}`];
  const limits = limitsOf(spec);
  if (uid === 0 && gid === 0 && groups.length === 0) return limits.length === 0 ? [] : ['/usr/bin/setpriv', ...limits];
  const membership = groups.length === 0 ? '--clear-groups' : `--groups=${groups.join(',')}`;
  return ['/usr/bin/setpriv', `--reuid=${uid}`, `--regid=${gid}`, membership, ...limits];
}

function limitsOf(spec: ContainerSpec): readonly string[] {
  const limits = spec.noNewPrivileges ? ['--no-new-privs'] : [];
  if (spec.privileged || spec.capabilities.includes('ALL')) return limits;
  const bounding = ['-all', ...spec.capabilities.map((name) => `+${name.toLowerCase()}`)].join(',');
  return [...limits, `--bounding-set=${bounding}`, '--inh-caps=-all'];
}
