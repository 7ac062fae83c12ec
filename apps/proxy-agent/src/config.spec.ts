import { parseAgentConfig } from './config.js';

const POD = { POD_NAME: 'wp-1', POD_NAMESPACE: 'shop', INSTANCE_IP: '10.0.0.1', SERVICE_ACCOUNT: 'wp' };

describe('the configuration of the agent', () => {
  it.each([[['waypoint']], [['proxy', 'waypoint']]])('%j is a waypoint', (args) => {
    const config = parseAgentConfig(args, POD);
    expect(config.ok && config.value).toMatchObject({
      proxyType: 'waypoint',
      spiffeId: 'spiffe://cluster.local/ns/shop/sa/wp',
      drainMinMs: 5000,
      drainMaxMs: 29_000,
    });
  });

  it('tells every problem at once', () => {
    const config = parseAgentConfig(['mesh'], { ISTIO_METAJSON_X: '{', PROXY_CONCURRENCY: 'many' });
    expect(config.ok ? [] : config.error.map(({ key }) => key).sort()).toEqual([
      'INSTANCE_IP',
      'ISTIO_METAJSON_X',
      'POD_NAME',
      'POD_NAMESPACE',
      'PROXY_CONCURRENCY',
      'SERVICE_ACCOUNT',
      'mesh',
    ]);
  });

  it('ISTIO_META_X becomes node metadata X, and ISTIO_METAJSON_X a value', () => {
    const config = parseAgentConfig(['router'], {
      ...POD,
      ISTIO_META_NETWORK: 'n',
      ISTIO_METAJSON_LABELS: '{"a":"b"}',
    });
    expect(config.ok && config.value.nodeMetadata).toEqual({ NETWORK: 'n', LABELS: { a: 'b' } });
  });

  it('draining ends before the pod is killed', () => {
    const env = { ...POD, TERMINATION_GRACE_PERIOD_SECONDS: '3', TERMINATION_DRAIN_DURATION: '60s' };
    const config = parseAgentConfig(['waypoint'], env);
    expect(config.ok && config.value).toMatchObject({ drainMinMs: 2000, drainMaxMs: 2000 });
  });
});
