import type { Clock } from '@weft/result';
import type { Logger, Service } from '@weft/runtime';
import { ACTIVATION_TYPE_URL, DeltaClient, type DeltaSubscription } from '@weft/xds';
import { DeltaXdsClient, MeshEndpoint } from '@weft/xds-grpc';
import type { ZtunnelConfig } from '../config.js';
import { xdsNode } from '../node-identity.js';
import type { ProcessMetrics } from '../telemetry/process-metrics.js';

export interface ControlPlaneLinkOptions {
  readonly subscriptions: readonly DeltaSubscription[];
  /** Every subscription was answered once. */
  readonly onSynced: () => void;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: ProcessMetrics;
}

/** Its names are the message; nothing is sent for them. */
const ACTIVATION: DeltaSubscription = { typeUrl: ACTIVATION_TYPE_URL, mode: 'when-asked', apply: () => [] };

/** The stream to the control plane. Without one (`XDS_ADDRESS` empty) nothing is ever asked, and nothing is waited for. */
export class ControlPlaneLink {
  readonly services: readonly Service[];
  readonly #engine: DeltaClient;
  readonly #client: DeltaXdsClient | null;

  /** Throws when the address of the control plane cannot be read. */
  constructor(config: ZtunnelConfig, { subscriptions, onSynced, clock, log, metrics }: ControlPlaneLinkOptions) {
    this.#engine = new DeltaClient({
      node: xdsNode(config),
      subscriptions: [...subscriptions, ACTIVATION],
      onSynced,
      onRejected: (typeUrl, rejected) => {
        metrics.xdsRejected(typeUrl, rejected.length);
        for (const { name, reason } of rejected)
          log.warn({ typeUrl, name, reason }, 'resource rejected; its last good version stays in use');
      },
    });
    this.#client =
      config.xds === null
        ? null
        : new DeltaXdsClient({
            endpoint: MeshEndpoint.require(config.xds),
            client: this.#engine,
            clock,
            log,
            onTermination: (reason) => metrics.xdsTerminated(reason),
            onMessage: (url, bytes) => metrics.xdsMessage(url, bytes),
          });
    this.services = this.#client === null ? [] : [this.#client];
  }

  /** All that there will ever be at once is there. */
  get synced(): boolean {
    return this.#client === null || this.#engine.synced;
  }

  subscribe(typeUrl: string, keys: readonly string[]): void {
    this.#client?.subscribe(typeUrl, keys);
  }

  unsubscribe(typeUrl: string, keys: readonly string[]): void {
    this.#client?.unsubscribe(typeUrl, keys);
  }
}
