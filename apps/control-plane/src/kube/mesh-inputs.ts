import { jwksSources } from '@weft/envoy-config';
import type { KubeClient, MeshTrustWatch } from '@weft/kube';
import type { MeshModel } from '@weft/mesh-model';
import type { Clock } from '@weft/result';
import type { Logger } from '@weft/runtime';
import type { ControlPlaneMetrics } from '../control-plane-metrics.js';
import { JwksFetcher } from '../envoy/jwks-fetcher.js';
import { KubeFeed } from './kube-feed.js';
import { meshConfigFeed } from './mesh-config-feed.js';

export interface MeshInputsOptions {
  readonly kube: KubeClient;
  readonly model: MeshModel;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: ControlPlaneMetrics;
  /** Something is to be derived and pushed. */
  readonly onChange: () => void;
}

/** Everything that the model is derived from. */
export interface MeshInputs {
  readonly trust: MeshTrustWatch;
  readonly feed: KubeFeed;
  /** Of the issuers of tokens that some policy asks for. */
  readonly keys: JwksFetcher;
}

export function meshInputs({ kube, model, clock, log, metrics, onChange }: MeshInputsOptions): MeshInputs {
  const trust = meshConfigFeed({ kube, model, log, onChange });
  const feed = new KubeFeed({
    kube,
    model,
    onPending: onChange,
    onChange: (type, event) => metrics.kubeEvents.inc({ type, event }),
  });
  const keys = new JwksFetcher({
    wanted: jwksSources(model),
    jwks: model.sources.jwks,
    clock,
    log,
    onChanged: onChange,
    onFetch: (result) => metrics.jwksFetches.inc({ result }),
  });
  return { trust, feed, keys };
}
