import type { Namespace, Pod } from '@weft/kube';
import { toError } from '@weft/result';
import { isSelected } from '../enrolment/eligibility.js';
import type { CmdAddRequest } from './cmd-add-request.js';
import {
  cniError,
  CNI_INVALID_CONFIG,
  CNI_INVALID_ENVIRONMENT,
  CNI_TRY_AGAIN,
  ipsOfResult,
  parseCniArgs,
  parsePluginConfig,
  SUPPORTED_VERSIONS,
  type CniError,
  type PluginConfig,
} from './cni-protocol.js';

/** What the plugin reaches: the API server and the agent of its node. */
export interface PluginPorts {
  readPod(
    config: PluginConfig,
    namespace: string,
    name: string,
  ): Promise<{ readonly pod: Pod; readonly namespace: Namespace }>;
  /** Rejects with the agent's text if the pod may not start. */
  enrol(config: PluginConfig, request: CmdAddRequest): Promise<void>;
  /** The pod's network is about to go, and everything in the pod has ended. Resolves when ztunnel has closed what it had in it. */
  leave(config: PluginConfig, request: CmdAddRequest): Promise<void>;
}

export interface CniOutcome {
  readonly status: 0 | 1;
  readonly stdout: string;
}

type Env = Readonly<Record<string, string | undefined>>;

/** Carries out one CNI command. Never throws: whatever goes wrong becomes the error object of the specification. */
export async function runCniCommand(env: Env, stdin: string, ports: PluginPorts): Promise<CniOutcome> {
  const command = env['CNI_COMMAND'];
  if (command === 'VERSION') return success({ cniVersion: '1.1.0', supportedVersions: SUPPORTED_VERSIONS });
  const config = parsePluginConfig(stdin);
  if ('code' in config) return failure('1.0.0', config);
  switch (command) {
    case 'ADD':
      return add(env, config, ports);
    case 'DEL':
      return del(env, config, ports);
    case 'CHECK':
    case 'GC':
    case 'STATUS':
      return { status: 0, stdout: '' };
    default:
      return failure(
        config.cniVersion,
        cniError(CNI_INVALID_ENVIRONMENT, `CNI_COMMAND ${JSON.stringify(command ?? '')} is unknown`),
      );
  }
}

async function add(env: Env, config: PluginConfig, ports: PluginPorts): Promise<CniOutcome> {
  if (config.prevResult === undefined) {
    return failure(
      config.cniVersion,
      cniError(CNI_INVALID_CONFIG, 'no prevResult: this plugin must be chained after the one that sets up the network'),
    );
  }
  const done = success(config.prevResult);
  const args = parseCniArgs(env['CNI_ARGS'] ?? '');
  const podName = args.get('K8S_POD_NAME') ?? '';
  const podNamespace = args.get('K8S_POD_NAMESPACE') ?? '';
  if (podName === '' || podNamespace === '') return done; // not a Kubernetes pod
  if (config.excludedNamespaces.includes(podNamespace)) return done;
  if (podNamespace === config.podNamespace && podName.startsWith('weft-cni-node-')) return done;
  try {
    const { pod, namespace } = await ports.readPod(config, podNamespace, podName);
    if (!isSelected(pod, namespace, new Set(config.excludedNamespaces))) return done;
    await ports.enrol(config, {
      netns: env['CNI_NETNS'] ?? '',
      podName,
      podNamespace,
      ips: ipsOfResult(config.prevResult),
    });
    return done;
  } catch (thrown) {
    return failure(
      config.cniVersion,
      cniError(
        CNI_TRY_AGAIN,
        `weft: pod ${podNamespace}/${podName} is not started outside the mesh: ${toError(thrown).message}`,
      ),
    );
  }
}

/**
 * Lets ztunnel say goodbye while the pod still has its network: peers learn at once that its tunnels are over. Never fails, as a
 * DEL must not: what the agent misses here it does when it sees the pod go.
 *
 * Differs from Istio, whose plugin does nothing here: peers notice after up to 30 s that a tunnel has no other end.
 */
async function del(env: Env, config: PluginConfig, ports: PluginPorts): Promise<CniOutcome> {
  const done: CniOutcome = { status: 0, stdout: '' };
  const args = parseCniArgs(env['CNI_ARGS'] ?? '');
  const podName = args.get('K8S_POD_NAME') ?? '';
  const podNamespace = args.get('K8S_POD_NAMESPACE') ?? '';
  const netns = env['CNI_NETNS'] ?? '';
  if (podName === '' || podNamespace === '' || netns === '') return done;
  if (config.excludedNamespaces.includes(podNamespace)) return done;
  await ports.leave(config, { netns, podName, podNamespace, ips: [] }).catch(() => undefined);
  return done;
}

function success(result: unknown): CniOutcome {
  return { status: 0, stdout: JSON.stringify(result) };
}

function failure(cniVersion: string, error: CniError): CniOutcome {
  return { status: 1, stdout: JSON.stringify({ cniVersion, ...error }) };
}
