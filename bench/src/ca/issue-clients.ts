import { createCsr } from '@weft/spiffe';
import type { IstioCertificateRequest } from '@weft/xds/gen/mesh/ca/ca.js';
import type { Ask } from './issue-load.js';
import { NodeClient, type NodeClientOptions } from './node-client.js';
import type { RestartNode } from './node-restart.js';
import { WireClient } from './wire-client.js';

/** A service under load. */
export interface IssueTarget {
  readonly port: number;
  readonly rootsPem: string;
  readonly pid: number;
}

/** The proxies of all nodes, connected to one service, with requests that were made beforehand. */
export class IssueClients {
  private constructor(
    readonly pid: number,
    /** As many as there may be requests under way. */
    readonly asks: readonly Ask[],
    private readonly closers: readonly (() => void)[],
  ) {}

  static async open(
    nodes: readonly RestartNode[],
    { port, rootsPem, pid }: IssueTarget,
    { kind, inFlight }: { readonly kind: 'wire' | 'grpc-js'; readonly inFlight: number },
  ): Promise<IssueClients> {
    const asks: Ask[] = [];
    const closers: (() => void)[] = [];
    for (const { token, spiffeIds } of nodes) {
      const requests = await Promise.all(
        spiffeIds.map(async (id) => NodeClient.request(id, (await createCsr(id)).csrPem)),
      );
      const { ask, close } = await clientOf(kind, requests, { port, rootsPem, token });
      asks.push(...Array.from({ length: inFlight }, () => ask));
      closers.push(close);
    }
    return new IssueClients(pid, asks, closers);
  }

  close(): void {
    for (const close of this.closers) close();
  }
}

async function clientOf(
  kind: 'wire' | 'grpc-js',
  requests: readonly IstioCertificateRequest[],
  options: NodeClientOptions,
): Promise<{ readonly ask: Ask; readonly close: () => void }> {
  if (kind === 'grpc-js') {
    const client = new NodeClient(options);
    return { ask: (i) => client.ask(requests[i % requests.length]!), close: () => client.close() };
  }
  const client = await WireClient.open(options);
  const frames = requests.map((request) => WireClient.request(request));
  return { ask: (i) => client.ask(frames[i % frames.length]!), close: () => client.close() };
}
