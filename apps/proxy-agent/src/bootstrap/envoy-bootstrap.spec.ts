import { execFile } from 'node:child_process';
import { globSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { parseAgentConfig, PROXY_TYPES } from '../config.js';
import { envoyBootstrap } from './envoy-bootstrap.js';
import { grpcBootstrap } from './grpc-bootstrap.js';

const WORKSPACE = resolve(__dirname, '../../../..');
const POD = { POD_NAME: 'wp-1', POD_NAMESPACE: 'shop', INSTANCE_IP: '10.0.0.1', SERVICE_ACCOUNT: 'wp' };

describe('the bootstrap', () => {
  it.each(PROXY_TYPES)('of a %s is taken by Envoy', async (type) => {
    const [envoy = 'envoy'] = globSync(join(WORKSPACE, 'tmp/venv/lib/python3*/site-packages/envoy/_bin/envoy'));
    const config = parseAgentConfig([type], { ...POD, ISTIO_META_NETWORK: 'n' });
    if (!config.ok) throw new Error(JSON.stringify(config.error));
    const folder = await mkdtemp(join(tmpdir(), 'weft-agent-'));
    try {
      const file = join(folder, 'bootstrap.json');
      await writeFile(file, JSON.stringify(envoyBootstrap(config.value, { ads: '/x/XDS', sds: '/x/SDS' })));
      const { stderr } = await promisify(execFile)(envoy, ['--mode', 'validate', '-c', file, '--log-level', 'error']);
      expect(stderr).toBe('');
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('asks for the state of the world if told so', () => {
    const config = parseAgentConfig(['waypoint'], { ...POD, ISTIO_DELTA_XDS: 'false' });
    expect(config.ok && envoyBootstrap(config.value, { ads: '', sds: '' })).toMatchObject({
      dynamic_resources: { ads_config: { api_type: 'GRPC' } },
    });
  });

  it('of a gRPC client leads to the agent and says what it is', () => {
    const config = parseAgentConfig(['sidecar'], { ...POD, DISABLE_ENVOY: 'true', GRPC_XDS_BOOTSTRAP: '/x/grpc.json' });
    expect(config).toMatchObject({ value: { envoyDisabled: true, grpcBootstrapPath: '/x/grpc.json' } });
    expect(config.ok && grpcBootstrap(config.value, '/x/XDS')).toMatchObject({
      xds_servers: [{ server_uri: 'unix:///x/XDS', channel_creds: [{ type: 'insecure' }] }],
      node: { id: 'sidecar~10.0.0.1~wp-1.shop~shop.svc.cluster.local', metadata: { GENERATOR: 'grpc' } },
    });
  });

  it('names the node so that the control plane finds its pod', () => {
    const config = parseAgentConfig(['waypoint'], POD);
    expect(config.ok && envoyBootstrap(config.value, { ads: '', sds: '' })).toMatchObject({
      node: { id: 'waypoint~10.0.0.1~wp-1.shop~shop.svc.cluster.local' },
    });
  });
});
