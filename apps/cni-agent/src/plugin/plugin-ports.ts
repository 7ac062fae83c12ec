import { readFileSync } from 'node:fs';
import { request as httpRequest, type ClientRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { join } from 'node:path';
import type { Namespace, Pod } from '@weft/kube';
import { formatCmdAddRequest, type CmdAddRequest } from './cmd-add-request.js';
import type { PluginConfig } from './cni-protocol.js';
import type { PluginPorts } from './cni-command.js';
import { PLUGIN_SOCKET } from './plugin-socket.js';
import { PLUGIN_KUBECONFIG, readPluginKubeconfig } from './plugin-kubeconfig.js';

const TIMEOUT_MS = 10_000;
/** A pod that ends waits for no more than this. */
const LEAVE_TIMEOUT_MS = 2_000;

/** The real ones: plain HTTPS to the API server, HTTP over the agent's socket. Kept free of large libraries: it runs once for every pod. */
export const pluginPorts: PluginPorts = {
  async readPod(config: PluginConfig, namespace: string, name: string) {
    const kubeconfig = readPluginKubeconfig(readFileSync(join(config.runDir, PLUGIN_KUBECONFIG), 'utf8'));
    const get = async (path: string): Promise<unknown> => {
      const url = new URL(path, kubeconfig.server);
      const { status, body } = await exchange((done) =>
        httpsRequest(
          url,
          { ca: kubeconfig.ca, headers: { authorization: `Bearer ${kubeconfig.token}` }, timeout: TIMEOUT_MS },
          done,
        ),
      );
      if (status !== 200) throw new Error(`the API server answered ${status} to GET ${path}`);
      return JSON.parse(body);
    };
    const base = `/api/v1/namespaces/${encodeURIComponent(namespace)}`;
    const [pod, owner] = await Promise.all([get(`${base}/pods/${encodeURIComponent(name)}`), get(base)]);
    return { pod: pod as Pod, namespace: owner as Namespace };
  },

  enrol: (config, request) => tellAgent(config, '/cmdadd', request, TIMEOUT_MS),
  leave: (config, request) => tellAgent(config, '/cmddel', request, LEAVE_TIMEOUT_MS),
};

async function tellAgent(config: PluginConfig, path: string, request: CmdAddRequest, timeout: number): Promise<void> {
  const options = {
    socketPath: join(config.runDir, PLUGIN_SOCKET),
    path,
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    timeout,
  };
  const { status, body } = await exchange((done) => httpRequest(options, done), formatCmdAddRequest(request));
  if (status !== 200) throw new Error(body);
}

type Open = (done: (response: IncomingMessage) => void) => ClientRequest;

function exchange(open: Open, payload?: string): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const client = open((response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => (body += chunk));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
      response.on('error', reject);
    });
    client.on('timeout', () => client.destroy(new Error('no answer in time')));
    client.on('error', reject);
    client.end(payload);
  });
}
