import { chmodSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import fastify, { type FastifyInstance } from 'fastify';
import type { Informer, Pod } from '@weft/kube';
import { toError, type Clock } from '@weft/result';
import type { Logger, Service } from '@weft/runtime';
import { podIps } from '../enrolment/eligibility.js';
import type { EnrolmentMetrics } from '../enrolment/enrolment-metrics.js';
import type { PodEnroller } from '../enrolment/pod-enroller.js';
import { PLUGIN_SOCKET } from './plugin-socket.js';
import { parseCmdAddRequest, type CmdAddRequest } from './cmd-add-request.js';

/** The pod was bound to this node just before; the watch brings it within moments. */
const POD_WAIT_MS = 2000;

export interface PluginServerOptions {
  readonly runDir: string;
  readonly pods: Informer<Pod>;
  readonly enroller: Pick<PodEnroller, 'enrolNew' | 'leave'>;
  readonly clock: Clock;
  readonly metrics: EnrolmentMetrics;
  readonly log: Logger;
}

/** Answers the CNI plugin over a unix socket: 200 lets the pod start, anything else keeps it from starting. */
export class PluginServer implements Service {
  readonly name = 'CNI plugin server';
  readonly #server: FastifyInstance = fastify({ logger: false, forceCloseConnections: true, bodyLimit: 64 * 1024 });

  constructor(private readonly options: PluginServerOptions) {
    this.#server.post('/cmdadd', async (request, reply) => {
      const parsed = parseCmdAddRequest(request.body);
      const { code, text } = parsed.ok ? await this.#add(parsed.value) : { code: 400, text: parsed.error };
      options.metrics.pluginRequests.inc({ response_code: String(code) });
      return reply.code(code).type('text/plain').send(text);
    });
    this.#server.post('/cmddel', async (request, reply) => {
      const parsed = parseCmdAddRequest(request.body);
      const { code, text } = parsed.ok ? await this.#leave(parsed.value) : { code: 400, text: parsed.error };
      return reply.code(code).type('text/plain').send(text);
    });
    this.#server.post('/log', (request, reply) => {
      for (const line of Array.isArray(request.body) ? request.body.slice(0, 100) : [])
        options.log.info({ line: String(line).slice(0, 2000) }, 'CNI plugin');
      return reply.send();
    });
  }

  async start(): Promise<void> {
    const { runDir } = this.options;
    const path = join(runDir, PLUGIN_SOCKET);
    mkdirSync(runDir, { recursive: true, mode: 0o750 });
    rmSync(path, { force: true });
    await this.#server.listen({ path });
    chmodSync(path, 0o666);
  }

  async stop(): Promise<void> {
    await this.#server.close();
  }

  async #add(request: CmdAddRequest): Promise<{ code: number; text: string }> {
    const { enroller, log } = this.options;
    const shown = `${request.podNamespace}/${request.podName}`;
    const pod = await this.#pod(request);
    if (pod === undefined)
      return { code: 500, text: `pod ${shown} is not known to this node's agent; is it bound to this node?` };
    try {
      const ips = request.ips.length > 0 ? request.ips : podIps(pod);
      await enroller.enrolNew(pod, request.netns, ips);
      return { code: 200, text: '' };
    } catch (thrown) {
      const { message } = toError(thrown);
      log.warn({ pod: shown, err: toError(thrown) }, 'a new pod could not be enrolled and does not start');
      return { code: 500, text: `pod ${shown} cannot be enrolled: ${message}` };
    }
  }

  async #leave({ podNamespace, podName, netns }: CmdAddRequest): Promise<{ code: number; text: string }> {
    try {
      await this.options.enroller.leave(podNamespace, podName, netns);
      return { code: 200, text: '' };
    } catch (thrown) {
      const { message } = toError(thrown);
      this.options.log.warn(
        { pod: `${podNamespace}/${podName}`, err: toError(thrown) },
        'ztunnel still has a pod that ends',
      );
      return { code: 500, text: message };
    }
  }

  #pod({ podNamespace, podName }: CmdAddRequest): Promise<Pod | undefined> {
    const { clock, pods } = this.options;
    const known = pods.get(podNamespace, podName);
    if (known !== undefined) return Promise.resolve(known);
    return new Promise((resolve) => {
      let unsubscribe = (): void => undefined;
      const cancel = clock.after(POD_WAIT_MS, () => {
        unsubscribe();
        resolve(undefined);
      });
      unsubscribe = pods.on({
        added: (pod) => {
          if (pod.metadata?.namespace !== podNamespace || pod.metadata.name !== podName) return;
          cancel();
          queueMicrotask(() => unsubscribe());
          resolve(pod);
        },
      });
    });
  }
}
