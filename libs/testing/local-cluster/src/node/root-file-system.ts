import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runCommand } from '../process/run-command.js';

/** How roots of nodes and containers are laid over the host's file system. */
export interface RootFileSystem {
  /** `whole`: one overlay of /. `parts`: one per top-level directory, what user namespaces need. */
  readonly overlay: 'whole' | 'parts';
  /** Mount points of other real file systems on the host, parents first; an overlay of / does not show them. */
  readonly hostMounts: readonly string[];
  /** Folders below the private /tmp that are shown all the same. */
  readonly sharedPaths: readonly string[];
}

const VIRTUAL = new Set(
  (
    'proc sysfs cgroup cgroup2 devtmpfs devpts tmpfs mqueue hugetlbfs debugfs tracefs securityfs pstore bpf configfs binfmt_misc ' +
    'autofs fusectl rpc_pipefs nsfs efivarfs ramfs squashfs'
  ).split(' '),
);
const HIDDEN = /^\/(proc|sys|dev|run|tmp|boot|var\/run)(\/|$)/;

/** The mount points worth showing in a container, from the text of /proc/self/mountinfo. Paths with blanks are left out. */
export function parseHostMounts(mountinfo: string): readonly string[] {
  const points = new Set<string>();
  for (const line of mountinfo.split('\n')) {
    const [before = '', after = ''] = line.split(' - ');
    const point = before.split(' ')[4];
    const type = after.split(' ')[0] ?? '';
    if (point === undefined || point === '/' || point.includes('\\') || HIDDEN.test(point) || VIRTUAL.has(type))
      continue;
    points.add(point);
  }
  return [...points].sort();
}

/** Tries an overlay of / inside `scratch` (on a tmpfs, in a private mount namespace). */
export async function probeRootFileSystem(scratch: string, shared: readonly string[] = []): Promise<RootFileSystem> {
  const sharedPaths = shared.filter((path) => /^\/tmp\/[^\s]+$/.test(path));
  const hostMounts = parseHostMounts(await readFile('/proc/self/mountinfo', 'utf8'));
  for (const name of ['upper', 'work', 'root']) await mkdir(join(scratch, name), { recursive: true });
  const options = `lowerdir=/,upperdir=${join(scratch, 'upper')},workdir=${join(scratch, 'work')}`;
  const root = join(scratch, 'root');
  const tried = await runCommand(['mount', '-t', 'overlay', 'overlay', '-o', options, root]);
  if (tried.code !== 0) return { overlay: 'parts', hostMounts, sharedPaths };
  await runCommand(['umount', root]);
  return { overlay: 'whole', hostMounts, sharedPaths };
}
