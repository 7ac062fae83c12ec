import { PODS } from '@weft/kube';
import type { Cluster } from './cluster.js';

/** Addresses of the pods of a namespace, by name. */
export async function podAddresses(cluster: Cluster, namespace: string): Promise<Readonly<Record<string, string>>> {
  const pods = await cluster.kube.list(PODS, { namespace });
  return Object.fromEntries(pods.map(({ metadata, status }) => [metadata?.name ?? '', status?.podIP ?? '']));
}
