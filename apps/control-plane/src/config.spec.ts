import { HELP, parseControlPlaneConfig, withFlags } from './config.js';

const parse = (env: Record<string, string> = {}) => parseControlPlaneConfig(env, 'pod-1');

describe('configuration', () => {
  it('has working defaults', () => {
    const config = parse();
    expect(config.ok && config.value).toMatchObject({
      mesh: { rootNamespace: 'istio-system', trustDomain: 'cluster.local', clusterId: 'Kubernetes', network: '' },
      podName: 'pod-1',
      xdsPort: 15012,
      adminPort: 15014,
      certificate: {
        kind: 'ca',
        address: 'https://weft-ca.istio-system.svc:15012',
        tokenFile: '/var/run/secrets/tokens/istio-token',
      },
      trustedAccounts: new Set(['istio-system/ztunnel']),
      debounceQuietMs: 10,
      debounceMaxMs: 500,
    });
  });

  it('reports every problem at once', () => {
    const config = parse({
      XDS_PORT: 'x',
      XDS_HOST: 'localhost',
      TLS_CERT_FILE: 'a',
      XDS_TRUSTED_ACCOUNTS: 'ztunnel',
      LOG_LEVEL: 'loud',
      PILOT_IP_AUTOALLOCATE_IPV4_PREFIX: '2001:2::/48',
      WEFT_TYPO: '1',
    });
    expect(config.ok ? [] : config.error.map(({ key }) => key).sort()).toEqual([
      'LOG_LEVEL',
      'PILOT_IP_AUTOALLOCATE_IPV4_PREFIX',
      'TLS_KEY_FILE',
      'WEFT_TYPO',
      'XDS_HOST',
      'XDS_PORT',
      'XDS_TRUSTED_ACCOUNTS',
    ]);
  });

  it('takes flags over the environment, and refuses unknown ones', () => {
    expect(withFlags({ XDS_PORT: '1' }, ['--xds-port', '2', '--log-level=debug'])).toEqual({
      env: { XDS_PORT: '2', LOG_LEVEL: 'debug' },
      problems: [],
    });
    expect(withFlags({}, ['--no-such', '--xds-port']).problems.map(({ key }) => key)).toEqual([
      '--no-such',
      '--xds-port',
    ]);
  });

  it('documents every setting that it reads', () => {
    const asked = new Set<string>();
    const env = new Proxy({}, { get: (_target, key) => void asked.add(String(key)), ownKeys: () => [] });
    parseControlPlaneConfig(env, 'pod-1');
    for (const key of asked) expect(HELP).toContain(key);
  });
});
