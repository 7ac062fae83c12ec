import type { Clock } from '@weft/result';
import { SecretManager } from '@weft/spiffe';
import { CaClient, MeshEndpoint } from '@weft/xds-grpc';
import { Latencies } from '../latencies.js';
import { SERVER_NAME } from './node-client.js';

export interface RestartNode {
  readonly token: string;
  readonly spiffeIds: readonly string[];
}

export interface RestartSample {
  readonly seconds: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly slowestMs: number;
  /** Pods that got an error instead of a certificate. */
  readonly errors: number;
  readonly firstError: string | null;
}

/** Every node asks for the certificates of all its pods at the same moment, with the manager and the client that ztunnel uses. */
export async function restartAll(
  nodes: readonly RestartNode[],
  { port, rootsPem, clock }: { readonly port: number; readonly rootsPem: string; readonly clock: Clock },
): Promise<RestartSample> {
  const waits = new Latencies();
  let errors = 0;
  let firstError: string | null = null;
  const startedAt = performance.now();
  const opened = nodes.map(({ token, spiffeIds }) => {
    const serverName = SERVER_NAME;
    const address = `https://127.0.0.1:${port}`;
    const endpoint = MeshEndpoint.parse({ address, root: rootsPem, token, serverName, clusterId: 'Kubernetes' });
    if (!endpoint.ok) throw endpoint.error;
    const client = new CaClient(endpoint.value, 'impersonate');
    const manager = new SecretManager({ signer: client, clock, ttlSeconds: 86_400 });
    const all = spiffeIds.map(async (spiffeId) => {
      try {
        await manager.get(spiffeId);
      } catch (failure) {
        errors++;
        firstError ??= String(failure);
      }
      waits.add((performance.now() - startedAt) * 1000);
    });
    return { client, manager, all };
  });
  await Promise.all(opened.flatMap(({ all }) => all));
  const seconds = (performance.now() - startedAt) / 1000;
  for (const { client, manager } of opened) {
    manager.close();
    client.close();
  }
  const ms = (fraction: number): number => waits.quantile(fraction) / 1000;
  return { seconds, p50Ms: ms(0.5), p99Ms: ms(0.99), slowestMs: ms(1), errors, firstError };
}
