import fc from 'fast-check';
import {
  DeltaDiscoveryRequest,
  DeltaDiscoveryResponse,
  DiscoveryRequest,
  DiscoveryResponse,
} from '@weft/xds/gen/envoy/service/discovery/v3/discovery.js';
import { ConfigVersions } from './config-versions.js';

const typeUrl = 'type.googleapis.com/envoy.config.cluster.v3.Cluster';
const response = (nonce: string, systemVersionInfo: string): Buffer =>
  Buffer.from(
    DeltaDiscoveryResponse.encode(DeltaDiscoveryResponse.fromPartial({ typeUrl, nonce, systemVersionInfo })).finish(),
  );
const request = (responseNonce: string, message?: string): Buffer => {
  const error = message === undefined ? {} : { errorDetail: { code: 13, message } };
  return Buffer.from(
    DeltaDiscoveryRequest.encode(DeltaDiscoveryRequest.fromPartial({ typeUrl, responseNonce, ...error })).finish(),
  );
};

describe('the versions that Envoy holds', () => {
  it('are those that it acknowledged; what it was sent and did not answer is told apart', () => {
    const versions = new ConfigVersions();
    versions.sent(response('1', 'a'));
    versions.sent(response('2', 'b'));
    expect(versions.answered(request('1'))).toBeNull();
    expect(versions.summary()).toEqual({ Cluster: { accepted: 'a', unanswered: ['b'] } });
  });

  it('are read from the state of the world, too', () => {
    const versions = new ConfigVersions();
    const sent = DiscoveryResponse.fromPartial({ typeUrl, nonce: '1', versionInfo: 'a' });
    versions.sent(Buffer.from(DiscoveryResponse.encode(sent).finish()), 'sotw');
    const answer = DiscoveryRequest.fromPartial({ typeUrl, responseNonce: '1', resourceNames: ['x'] });
    expect(versions.answered(Buffer.from(DiscoveryRequest.encode(answer).finish()), 'sotw')).toBeNull();
    expect(versions.summary()).toEqual({ Cluster: { accepted: 'a', unanswered: [] } });
  });

  it('stay when it rejects, and the rejection is told with its reason', () => {
    const versions = new ConfigVersions();
    versions.sent(response('1', 'a'));
    versions.answered(request('1'));
    versions.sent(response('2', 'b'));
    expect(versions.answered(request('2', 'bad cluster'))).toEqual({ typeUrl, version: 'b', reason: 'bad cluster' });
    expect(versions.summary()).toEqual({ Cluster: { accepted: 'a', unanswered: [] } });
  });

  it('bytes that are no message change nothing', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        const versions = new ConfigVersions();
        versions.sent(Buffer.from(bytes));
        expect(() => versions.answered(Buffer.from(bytes))).not.toThrow();
      }),
    );
  });
});
