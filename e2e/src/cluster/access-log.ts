import { PODS } from '@weft/kube';
import { until } from '@weft/testing-fixtures';
import { SYSTEM_NAMESPACE } from '@weft/testing-mesh-deployment';
import type { Cluster } from './cluster.js';
import type { RunningCommand } from './running-command.js';

export type AccessLine = Readonly<Record<string, unknown>> & { readonly node: string };

/** Follows what every ztunnel says, also those that start later, once `follow` is called again. */
export class AccessLog {
  readonly #followed = new Map<string, { readonly node: string; readonly command: RunningCommand }>();

  private constructor(private readonly cluster: Cluster) {}

  static async start(cluster: Cluster): Promise<AccessLog> {
    const log = new AccessLog(cluster);
    await log.follow();
    return log;
  }

  /** Takes up ztunnels (or restarts of one) that are new. */
  async follow(): Promise<void> {
    const ztunnels = await this.cluster.kube.list(PODS, { namespace: SYSTEM_NAMESPACE, labelSelector: 'app=ztunnel' });
    for (const { metadata, spec, status } of ztunnels) {
      const key = `${metadata?.name ?? ''} ${status?.containerStatuses?.[0]?.restartCount ?? 0}`;
      if (this.#followed.has(key)) continue;
      const command = this.cluster.kubectlStart(['logs', '-f', '-n', SYSTEM_NAMESPACE, metadata?.name ?? '']);
      this.#followed.set(key, { node: spec?.nodeName ?? '', command });
    }
  }

  /** All lines so far. */
  lines(): readonly AccessLine[] {
    return [...this.#followed.values()].flatMap(({ node, command }) =>
      command.stdout
        .split('\n')
        .map((line) => parse(line, node))
        .filter((line) => line !== null),
    );
  }

  /** The first line that has the given fields (a RegExp matches, anything else equals); waits for it. */
  async line(wanted: Readonly<Record<string, string | RegExp>>, sinceMs = 0, deadlineMs = 10_000): Promise<AccessLine> {
    const found = (): AccessLine | undefined =>
      this.lines().find((line) => Date.parse(textOf(line, 'time')) >= sinceMs && matches(line, wanted));
    await until(() => found() !== undefined, `a log line with ${show(wanted)}`, deadlineMs).catch((thrown: unknown) => {
      const recent = this.lines().filter((line) => Date.parse(textOf(line, 'time')) >= sinceMs);
      throw new Error(`${String(thrown)}; there are ${recent.map((line) => JSON.stringify(line)).join('\n')}`);
    });
    return found()!;
  }
}

export const textOf = (line: AccessLine, key: string): string => (typeof line[key] === 'string' ? line[key] : '');

function matches(line: AccessLine, wanted: Readonly<Record<string, string | RegExp>>): boolean {
  return Object.entries(wanted).every(([key, value]) =>
    typeof value === 'string' ? line[key] === value : value.test(textOf(line, key)),
  );
}

const show = (wanted: Readonly<Record<string, string | RegExp>>): string =>
  Object.entries(wanted)
    .map(([key, value]) => `${key}=${String(value)}`)
    .join(' ');

function parse(line: string, node: string): AccessLine | null {
  if (!line.startsWith('{')) return null;
  try {
    return { ...(JSON.parse(line) as Record<string, unknown>), node };
  } catch {
    return null;
  }
}
