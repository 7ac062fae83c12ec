import { askerCommand } from '../workloads/own-programs.js';
import type { Cluster, PodRef } from './cluster.js';
import type { RunningCommand } from './running-command.js';

export interface AskerCounts {
  readonly asked: number;
  readonly answered: number;
  /** Answered by another than the one that was asked. */
  readonly wrong: number;
  readonly failed: number;
  readonly slowestMs: number;
  /** Spans without an answer of a target, in the clock of the machine; -1: it lasted to the end. */
  readonly outages: readonly {
    readonly target: string;
    readonly fromMs: number;
    readonly toMs: number;
    readonly failed: number;
  }[];
  /** What the wrong and failed ones saw, the first 200. */
  readonly failures: readonly string[];
}

/** A load of new connections from a pod, at a fixed rate until it is ended. */
export class Asker {
  private constructor(private readonly command: RunningCommand) {}

  /** `targets`: `host:port` to the beginning of the answer that only the right server gives. */
  static async start(
    cluster: Cluster,
    from: PodRef,
    rate: number,
    targets: Readonly<Record<string, string>>,
  ): Promise<Asker> {
    const argv = ['exec', '-i', '-n', from.namespace, from.pod, '--', ...askerCommand(rate, targets)];
    const command = cluster.kubectlStart(argv);
    await command.says(/asking/);
    return new Asker(command);
  }

  /** No more requests; waits for the open ones. */
  async end(): Promise<AskerCounts> {
    this.command.endInput();
    await this.command.says(/\}\n$/, 30_000);
    await this.command.stop();
    return JSON.parse(this.command.stdout.slice(this.command.stdout.indexOf('{'))) as AskerCounts;
  }
}
