import { MeshTrustWatch, type KubeClient } from '@weft/kube';
import { parseMeshExtensions } from '@weft/mesh-api';
import { MESH_TRUST_KEY, type MeshModel } from '@weft/mesh-model';
import type { Logger } from '@weft/runtime';

export interface MeshConfigFeedOptions {
  readonly kube: KubeClient;
  readonly model: MeshModel;
  readonly log: Logger;
  /** The model changed. */
  readonly onChange: () => void;
}

/** MeshConfig into the model's sources: the names of the mesh, and the extension providers. */
export function meshConfigFeed({ kube, model, log, onChange }: MeshConfigFeedOptions): MeshTrustWatch {
  const { rootNamespace: namespace, trustDomain } = model.config;
  const trust = new MeshTrustWatch({ kube, namespace, trustDomain, log });
  trust.onChange(() => {
    model.sources.trustDomains.set(MESH_TRUST_KEY, trust.current);
    onChange();
  });
  trust.onText((yaml, object) => {
    const read = parseMeshExtensions(yaml);
    if (!read.ok) return;
    for (const problem of read.value.problems) {
      log.warn({ problem }, 'a part of MeshConfig is not used');
      kube.event(object, 'Warning', 'MeshConfigIncomplete', problem);
    }
    model.sources.meshExtensions.set(MESH_TRUST_KEY, read.value.extensions);
    onChange();
  });
  return trust;
}
