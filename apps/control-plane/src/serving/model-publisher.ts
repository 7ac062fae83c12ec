import type { Collection } from '@weft/collections';
import { STATUS_KINDS, type MeshModel, type StatusKind } from '@weft/mesh-model';
import { ADDRESS_TYPE_URL, AUTHORIZATION_TYPE_URL, type DeltaServer, type XdsResource } from '@weft/xds';
import { shortType, type ControlPlaneMetrics } from '../control-plane-metrics.js';

/** Brings what the model derived into the xDS engine and counts it. */
export function publishModel(model: MeshModel, engine: DeltaServer, metrics: ControlPlaneMetrics): void {
  const publish = (typeUrl: string, resources: Collection<XdsResource>): void => {
    resources.subscribe((events) => {
      engine.apply(typeUrl, {
        upserts: events.flatMap((event) => (event.kind === 'deleted' ? [] : [event.newValue])),
        removals: events.flatMap((event) => (event.kind === 'deleted' ? [event.key] : [])),
      });
      metrics.resources.set({ type: shortType(typeUrl) }, resources.size);
    });
  };
  publish(AUTHORIZATION_TYPE_URL, model.authorizationResources);
  publish(ADDRESS_TYPE_URL, model.addressResources);
  countRejected(model, metrics);
}

function countRejected(model: MeshModel, metrics: ControlPlaneMetrics): void {
  const rejected = new Map<string, StatusKind>();
  const kinds = STATUS_KINDS;
  for (const kind of kinds) metrics.rejectedResources.set({ kind }, 0);
  model.statuses.subscribe((events) => {
    for (const event of events) {
      if (event.kind !== 'deleted' && event.newValue.condition?.accepted === false)
        rejected.set(event.key, event.newValue.kind);
      else rejected.delete(event.key);
    }
    const counts = new Map<StatusKind, number>(kinds.map((kind) => [kind, 0]));
    for (const kind of rejected.values()) counts.set(kind, counts.get(kind)! + 1);
    for (const [kind, count] of counts) metrics.rejectedResources.set({ kind }, count);
  });
}
