import { err, ok, toError, type Result } from '@weft/result';
import { Version, WorkloadRequest, WorkloadResponse, ZdsHello } from '@weft/xds/gen/mesh/zds/zds.js';

/** Longest ZDS packet either way. */
export const MAX_ZDS_BYTES = 1024;

export interface ZdsPod {
  readonly uid: string;
  readonly name: string;
  readonly namespace: string;
  readonly serviceAccount: string;
}

export function encodeAdd({ uid, name, namespace, serviceAccount }: ZdsPod): Uint8Array {
  return encode({
    $case: 'add',
    value: {
      $type: 'istio.workload.zds.AddWorkload',
      uid,
      workloadInfo: { $type: 'istio.workload.zds.WorkloadInfo', name, namespace, serviceAccount },
    },
  });
}

export function encodeDelete(uid: string): Uint8Array {
  return encode({ $case: 'del', value: { $type: 'istio.workload.zds.DelWorkload', uid } });
}

export function encodeSnapshotSent(): Uint8Array {
  return encode({ $case: 'snapshotSent', value: { $type: 'istio.workload.zds.SnapshotSent' } });
}

function encode(payload: WorkloadRequest['payload']): Uint8Array {
  return WorkloadRequest.encode({ $type: 'istio.workload.zds.WorkloadRequest', payload }).finish();
}

/** An error names what is wrong with the first packet of a connection. */
export function checkHello(packet: Uint8Array): Result<null, string> {
  try {
    const { version } = ZdsHello.decode(packet);
    return version === Version.V1 ? ok(null) : err(`it speaks version ${version}; this agent speaks 1`);
  } catch (thrown) {
    return err(`its first packet is no ZdsHello: ${toError(thrown).message}`);
  }
}

/** ztunnel's answer: ok, or its error text. A packet that is no answer counts as an error too. */
export function readAck(packet: Uint8Array): Result<null, string> {
  try {
    const { payload } = WorkloadResponse.decode(packet);
    if (payload === undefined) return err('the answer is empty');
    return payload.value.error === '' ? ok(null) : err(payload.value.error);
  } catch (thrown) {
    return err(`the answer is no WorkloadResponse: ${toError(thrown).message}`);
  }
}
