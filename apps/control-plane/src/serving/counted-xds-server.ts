import { status, type ServerCredentials } from '@grpc/grpc-js';
import type { KubeClient } from '@weft/kube';
import type { MeshModel } from '@weft/mesh-model';
import type { Clock } from '@weft/result';
import type { Logger } from '@weft/runtime';
import { XdsServer } from '@weft/xds-grpc';
import { shortType, type ControlPlaneMetrics } from '../control-plane-metrics.js';
import type { FollowedEngine } from '../envoy/followed-engine.js';
import { rejectionEvents } from '../envoy/rejection-events.js';
import type { CallerAuthenticator } from '../identity/caller-authenticator.js';
import type { NackLog } from './nack-log.js';

export interface CountedXdsServerOptions {
  readonly host: string;
  readonly port: number;
  readonly credentials: ServerCredentials;
  readonly authenticator: CallerAuthenticator;
  readonly followed: FollowedEngine;
  readonly ready: () => boolean;
  readonly kube: KubeClient;
  readonly model: MeshModel;
  readonly nacks: NackLog;
  readonly metrics: ControlPlaneMetrics;
  readonly clock: Clock;
  readonly log: Logger;
}

/** The xDS server, which counts what it sends and tells what clients reject. */
export function countedXdsServer(options: CountedXdsServerOptions): XdsServer {
  const { host, port, credentials, authenticator, followed, ready, nacks, metrics, clock, log } = options;
  const tellRejection = rejectionEvents(options);
  return new XdsServer({
    ...{ host, port, credentials, ready, clock, log },
    engineFor: (caller, node) => followed.engineFor(caller, node),
    authenticate: (metadata, shown) => authenticator.authenticate(metadata, shown),
    onPush: ({ typeUrl }, bytes) => {
      const type = shortType(typeUrl);
      metrics.pushes.inc({ type });
      metrics.pushBytes.inc({ type }, bytes);
      metrics.configSize.observe({ type }, bytes);
    },
    onNack: (node, { typeUrl, message }) => {
      metrics.rejects.inc({ type: shortType(typeUrl) });
      tellRejection(node, message);
      nacks.add({ at: new Date(clock.now()).toISOString(), node, typeUrl, message });
    },
    onRefused: ({ code }) => metrics.refused.inc({ code: status[code] }),
  });
}
