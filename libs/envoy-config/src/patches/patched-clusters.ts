import { PATCHED_MESSAGES, type EnvoyPatch } from '@weft/mesh-model';
import { mergeEncoded } from '@weft/xds';
import { Cluster } from '@weft/xds/gen/envoy/config/cluster/v3/cluster.js';
import { Listener } from '@weft/xds/gen/envoy/config/listener/v3/listener.js';
import { matchesCluster, matchesListener, type ClusterPlace } from './patch-place.js';

/** Null: removed. */
export function patchedCluster(
  cluster: Cluster,
  patches: readonly EnvoyPatch[],
  place: Omit<ClusterPlace, 'name'>,
): Cluster | null {
  let patched = cluster;
  for (const patch of patches) {
    if (patch.applyTo !== 'CLUSTER' || !matchesCluster(patch, { ...place, name: cluster.name })) continue;
    if (patch.operation === 'REMOVE') return null;
    if (patch.operation !== 'MERGE' || patch.value === null) continue;
    const merged = mergeEncoded(PATCHED_MESSAGES.CLUSTER, Cluster.encode(patched).finish(), patch.value);
    // Routes name it.
    patched = { ...Cluster.decode(merged), name: cluster.name };
  }
  return patched;
}

const OF_THE_MESH =
  /^(inbound-vip\||outbound\||main_internal$|encap$|connect_originate$|connect_terminate$|xds-grpc$|sds-grpc$)/;

/** One of each name, and none that takes the name of a cluster of the mesh. */
export function addedClusters(patches: readonly EnvoyPatch[], taken: readonly string[]): readonly Cluster[] {
  const added = new Map<string, Cluster>();
  for (const { applyTo, operation, value } of patches) {
    if (applyTo !== 'CLUSTER' || operation !== 'ADD' || value === null) continue;
    const cluster = Cluster.decode(value);
    const free = cluster.name !== '' && !OF_THE_MESH.test(cluster.name) && !taken.includes(cluster.name);
    if (free && !added.has(cluster.name)) added.set(cluster.name, cluster);
  }
  return [...added.values()];
}

/** `port`: of a gateway's. */
export function patchedListener(
  listener: Listener,
  patches: readonly EnvoyPatch[],
  port: number | null = null,
): Listener {
  const { name } = listener;
  let patched = listener;
  for (const patch of patches) {
    if (patch.applyTo !== 'LISTENER' || patch.value === null || !matchesListener(patch, name, port)) continue;
    const merged = mergeEncoded(PATCHED_MESSAGES.LISTENER, Listener.encode(patched).finish(), patch.value);
    patched = { ...Listener.decode(merged), name };
  }
  return patched;
}
