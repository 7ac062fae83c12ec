import {
  ENDPOINT_SLICES,
  keyOf,
  SERVICES,
  type EndpointSlice,
  type Informer,
  type KubeClient,
  type KubeService,
  type ObjectIndex,
} from '@weft/kube';
import type { Service } from '@weft/runtime';

/** Services and their EndpointSlices, shared by all who answer for them: one watch each, however many nodes there are. */
export class ServiceView implements Service {
  readonly name = 'service view';
  readonly services: Informer<KubeService>;
  readonly slices: Informer<EndpointSlice>;
  /** By `namespace/name` of the Service. */
  readonly slicesOf: ObjectIndex<EndpointSlice>;

  constructor(kube: KubeClient) {
    this.services = kube.informer(SERVICES);
    this.slices = kube.informer(ENDPOINT_SLICES);
    this.slicesOf = this.slices.index(({ metadata }) => {
      const service = metadata?.labels?.['kubernetes.io/service-name'];
      return service === undefined ? [] : [keyOf(metadata?.namespace, service)];
    });
  }

  /** Does not wait for the API server; see `synced`. */
  async start(): Promise<void> {
    await this.services.start();
    await this.slices.start();
  }

  async stop(): Promise<void> {
    await this.services.stop();
    await this.slices.stop();
  }

  get synced(): Promise<unknown> {
    return Promise.all([this.services.synced, this.slices.synced]);
  }

  /** Calls after each change of a Service or a slice. */
  onChange(call: () => void): () => void {
    const handler = { added: call, updated: call, deleted: call };
    const stops = [this.services.on(handler), this.slices.on(handler)];
    return () => stops.forEach((stop) => stop());
  }
}
