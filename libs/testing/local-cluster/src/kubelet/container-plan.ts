import { readFileSync, realpathSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { Pod } from '@weft/kube';
import { err, ok, type Result } from '@weft/result';
import { capabilitiesOf, type ContainerSpec, type MountSpec, type UserSpec } from '../container/container-spec.js';
import type { LocalImage } from '../container/local-image.js';
import type { Container } from './pod-fields.js';
import { expandVariables } from './variable-expansion.js';
import type { Volume } from './volume-content.js';

export interface PlanInputs {
  readonly pod: Pod;
  readonly attempt: number;
  readonly hostname: string;
  readonly netnsPath: string;
  readonly environment: ReadonlyMap<string, string>;
  /** etc/hosts, etc/resolv.conf, etc/hostname. */
  readonly files: Readonly<Record<string, string>>;
  /** What stands in for the container's image. */
  readonly image?: LocalImage | undefined;
}

/** Everything the runtime needs to start a container, or why it cannot be started. */
export function planContainer(container: Container, inputs: PlanInputs): Result<ContainerSpec, string> {
  const { pod, environment, image } = inputs;
  const security = container.securityContext;
  const podSecurity = pod.spec?.securityContext;
  const command = [...(container.command ?? image?.entrypoint ?? []), ...(container.args ?? [])].map((word) =>
    expandVariables(word, environment),
  );
  if (command.length === 0)
    return err(
      `container ${container.name} has no command: images are not used here, so name one, or start the cluster with --images ` +
        `and a program for ${JSON.stringify(container.image ?? '')}`,
    );
  const user = userOf(container, pod);
  if ((security?.runAsNonRoot ?? podSecurity?.runAsNonRoot) === true && user.uid === 0) {
    return err('container has runAsNonRoot and would run as root');
  }
  const mounts = planMounts(container, inputs);
  if (!mounts.ok) return mounts;
  const home = accountOf(user.uid)?.home;
  const env = new Map(environment);
  if (home !== undefined && user.uid !== 0 && env.get('HOME') === '/root') env.set('HOME', home);
  return ok({
    podUid: pod.metadata?.uid ?? '',
    name: container.name,
    attempt: inputs.attempt,
    hostname: inputs.hostname,
    netnsPath: inputs.netnsPath,
    command,
    env: [...env],
    workingDir: container.workingDir ?? '/',
    user,
    privileged: security?.privileged === true,
    capabilities: capabilitiesOf(security?.capabilities),
    noNewPrivileges: security?.allowPrivilegeEscalation === false && security.privileged !== true,
    mounts: mounts.value,
    files: inputs.files,
  });
}

/** Where the node has a volume. */
function volumeSource(podUid: string, volume: Volume): { readonly path: string; readonly type: string } {
  if (volume.hostPath !== undefined) return { path: volume.hostPath.path, type: volume.hostPath.type || 'any' };
  return { path: join('/var/lib/kubelet/pods', podUid, 'volumes', volume.name), type: 'existing' };
}

function planMounts(
  container: Container,
  { pod, environment, image }: PlanInputs,
): Result<readonly MountSpec[], string> {
  const volumes = new Map((pod.spec?.volumes ?? []).map((volume) => [volume.name, volume]));
  const mounts: MountSpec[] = Object.entries(image?.files ?? {}).map(([target, source]) => ({
    source,
    target: resolveInRoot(target),
    readOnly: true,
    propagation: 'private',
    sourceType: 'existing',
  }));
  for (const mount of container.volumeMounts ?? []) {
    const volume = volumes.get(mount.name);
    if (volume === undefined) return err(`volumeMount ${JSON.stringify(mount.name)} names no volume of the pod`);
    const { path, type } = volumeSource(pod.metadata?.uid ?? '', volume);
    const inside = mount.subPathExpr === undefined ? mount.subPath : expandVariables(mount.subPathExpr, environment);
    if (inside?.split('/').includes('..') === true) return err(`subPath ${JSON.stringify(inside)} leaves its volume`);
    const hostPath = volume.hostPath !== undefined;
    const writable = hostPath || volume.emptyDir !== undefined;
    mounts.push({
      source: inside === undefined || inside === '' ? path : join(path, inside),
      target: resolveInRoot(mount.mountPath),
      readOnly: mount.readOnly === true || !writable,
      propagation: (mount.mountPropagation ?? 'None') === 'None' ? 'private' : 'slave',
      sourceType: inside !== undefined && writable ? 'any' : type,
    });
  }
  // Parents first, so that a mount inside another one is not hidden by it.
  return ok(mounts.sort((a, b) => a.target.length - b.target.length));
}

/**
 * The path after the symbolic links of the root file system that containers share with the host: /var/run is /run on most
 * distributions, and a mount through an absolute link would land outside the container.
 */
export function resolveInRoot(path: string): string {
  let existing = join('/', path);
  const rest: string[] = [];
  for (;;) {
    try {
      return join(realpathSync(existing), ...rest);
    } catch {
      if (existing === '/') return join('/', path);
      rest.unshift(basename(existing));
      existing = dirname(existing);
    }
  }
}

function userOf(container: Container, pod: Pod): UserSpec {
  const own = container.securityContext;
  const shared = pod.spec?.securityContext;
  const uid = own?.runAsUser ?? shared?.runAsUser ?? 0;
  const gid = own?.runAsGroup ?? shared?.runAsGroup ?? accountOf(uid)?.gid ?? 0;
  const groups = [...(shared?.supplementalGroups ?? []), ...(shared?.fsGroup === undefined ? [] : [shared.fsGroup])];
  return { uid, gid, groups };
}

interface Account {
  readonly gid: number;
  readonly home: string;
}

let accounts: ReadonlyMap<number, Account> | null = null;

/** What /etc/passwd says of a user. */
function accountOf(uid: number): Account | undefined {
  accounts ??= new Map(
    readFileSync('/etc/passwd', 'utf8')
      .split('\n')
      .map((line) => line.split(':'))
      .filter((fields) => fields.length >= 7)
      .map((fields) => [Number(fields[2]), { gid: Number(fields[3]), home: fields[5]! }]),
  );
  return accounts.get(uid);
}
