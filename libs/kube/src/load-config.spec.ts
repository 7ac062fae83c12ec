import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KubeConfigError } from './errors.js';
import { loadDefaultConfig } from './load-config.js';

const kubeconfig = (server: string): string => `
apiVersion: v1
kind: Config
current-context: c
clusters: [{name: c, cluster: {server: "${server}"}}]
users: [{name: u, user: {}}]
contexts: [{name: c, context: {cluster: c, user: u}}]
`;

describe('loadDefaultConfig', () => {
  let root: string;
  const saved = { ...process.env };
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'weft-config-'));
    process.env = { HOME: join(root, 'home') };
  });
  afterEach(() => {
    process.env = { ...saved };
    rmSync(root, { recursive: true });
  });
  function putHome(): void {
    mkdirSync(join(root, 'home/.kube'), { recursive: true });
    writeFileSync(join(root, 'home/.kube/config'), kubeconfig('https://home:6443'));
  }
  function putServiceAccount(): void {
    const folder = join(root, 'var/run/secrets/kubernetes.io/serviceaccount');
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'token'), 'secret');
    Object.assign(process.env, { KUBERNETES_SERVICE_HOST: '10.96.0.1', KUBERNETES_SERVICE_PORT: '443' });
  }
  const server = (): string | undefined => loadDefaultConfig(process.env, root).getCurrentCluster()?.server;

  it('a pod uses its own service account, whatever lies in its home directory', () => {
    putHome();
    expect(server()).toBe('https://home:6443');
    putServiceAccount();
    expect(server()).toBe('https://10.96.0.1:443');
  });

  it('KUBECONFIG comes before all', () => {
    putServiceAccount();
    process.env['KUBECONFIG'] = join(root, 'mine');
    writeFileSync(process.env['KUBECONFIG'], kubeconfig('https://mine:6443'));
    expect(server()).toBe('https://mine:6443');
  });

  it('nothing to go by, or a file that cannot be read, is an error that says what to do', () => {
    expect(server).toThrow(/set KUBECONFIG/);
    process.env['KUBECONFIG'] = join(root, 'missing');
    expect(server).toThrow(KubeConfigError);
  });
});
