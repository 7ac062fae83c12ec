import { httpLoadCommand } from '../workloads/own-programs.js';
import type { Cluster, PodRef } from './cluster.js';
import type { RunningCommand } from './running-command.js';

export interface HttpLoadCounts {
  readonly asked: number;
  readonly ok: number;
  readonly failed: number;
  readonly byServer: Readonly<Record<string, number>>;
  readonly failures: readonly string[];
}

/** HTTP requests from a pod at a fixed rate over kept connections, until it is ended. */
export class HttpLoad {
  private constructor(private readonly command: RunningCommand) {}

  static async start(cluster: Cluster, from: PodRef, url: string, rate: number): Promise<HttpLoad> {
    const argv = ['exec', '-i', '-n', from.namespace, from.pod, '--', ...httpLoadCommand(url, rate)];
    const command = cluster.kubectlStart(argv);
    await command.says(/asking/);
    return new HttpLoad(command);
  }

  /** No more requests; waits for the open ones. */
  async end(): Promise<HttpLoadCounts> {
    this.command.endInput();
    await this.command.says(/\}\n$/, 30_000);
    await this.command.stop();
    return JSON.parse(this.command.stdout.slice(this.command.stdout.indexOf('{'))) as HttpLoadCounts;
  }
}
