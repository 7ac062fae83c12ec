import { access, constants, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { MeshError } from '@weft/result';
import { runCommand } from '../process/run-command.js';

/** Programs and the Debian packages that hold them. */
const PROGRAMS: Readonly<Record<string, string>> = {
  unshare: 'util-linux',
  nsenter: 'util-linux',
  setpriv: 'util-linux',
  pivot_root: 'util-linux',
  mount: 'mount',
  ip: 'iproute2',
  'iptables-restore': 'iptables',
  mkfifo: 'coreutils',
  script: 'bsdutils',
};
export const SYSTEM_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** This machine cannot run a local cluster; the message says what is missing and what to do. */
export class ClusterRequirementsError extends MeshError {
  readonly code = 'CLUSTER_REQUIREMENTS';
}

/** Options of `unshare` for a cluster: a user namespace only for those who are not root. */
export function namespaceOptions(root: boolean): readonly string[] {
  const user = root ? [] : ['--user', '--map-root-user'];
  return [...user, '--net', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc'];
}

const TRIAL = `
mount -t tmpfs none /run || { echo 'mounting a tmpfs' >&2; exit 3; }
ip link add weft0 type bridge || { echo 'a network bridge (kernel module bridge)' >&2; exit 3; }
ip link add veth0 type veth peer name veth1 || { echo 'a pair of virtual network devices (kernel module veth)' >&2; exit 3; }
`;

/** Throws ClusterRequirementsError unless the machine has the programs and the kernel the features. */
export async function checkRequirements(root: boolean): Promise<void> {
  const missing: string[] = [];
  for (const [program, pack] of Object.entries(PROGRAMS)) {
    if (!(await isInstalled(program))) missing.push(`${program} (package ${pack})`);
  }
  if (missing.length > 0) throw new ClusterRequirementsError(`programs are missing: ${missing.join(', ')}`);
  const tried = await runCommand(['unshare', ...namespaceOptions(root), 'sh', '-c', TRIAL], {
    env: { PATH: SYSTEM_PATH },
  });
  if (tried.code === 0) return;
  const said = tried.stderr.trim().split('\n').slice(-3).join(' | ');
  if (tried.code === 3) throw new ClusterRequirementsError(`the kernel refuses ${said}`);
  throw new ClusterRequirementsError(`cannot make namespaces: ${said}. ${await namespaceCure(root)}`);
}

async function namespaceCure(root: boolean): Promise<string> {
  if (root) return 'As root this needs CAP_SYS_ADMIN and CAP_NET_ADMIN: inside a container, run it privileged.';
  const switches: [string, string, string][] = [
    ['/proc/sys/user/max_user_namespaces', '0', 'sysctl user.max_user_namespaces=10000'],
    ['/proc/sys/kernel/unprivileged_userns_clone', '0', 'sysctl kernel.unprivileged_userns_clone=1'],
    [
      '/proc/sys/kernel/apparmor_restrict_unprivileged_userns',
      '1',
      'sysctl kernel.apparmor_restrict_unprivileged_userns=0',
    ],
  ];
  for (const [file, closed, cure] of switches) {
    const value = await readFile(file, 'utf8').catch(() => null);
    if (value?.trim() === closed)
      return `User namespaces are switched off: as root, run \`${cure}\`, or run this as root.`;
  }
  return 'User namespaces seem not to be allowed here: run this as root.';
}

async function isInstalled(program: string): Promise<boolean> {
  for (const directory of SYSTEM_PATH.split(':')) {
    const found = await access(join(directory, program), constants.X_OK).then(
      () => true,
      () => false,
    );
    if (found) return true;
  }
  return false;
}
