import { readFileSync } from 'node:fs';
import {
  KubeApiError,
  LeaderElector,
  VALIDATING_WEBHOOK_CONFIGURATIONS,
  WorkQueue,
  type Informer,
  type KubeClient,
  type KubeLog,
  type KubeObject,
  type ValidatingWebhookConfiguration,
} from '@weft/kube';
import { ISTIO_GATEWAYS } from '@weft/mesh-api';
import { toError } from '@weft/result';
import type { Service } from '@weft/runtime';
import { ALWAYS_REJECTED, ANNOTATION_ALWAYS_REJECT } from './review-request.js';

export interface WebhookRegistrationOptions {
  readonly kube: KubeClient;
  readonly namespace: string;
  readonly identity: string;
  /** The Service in front of us. */
  readonly service: string;
  /** PEM of the roots that the API server verifies us with. */
  readonly rootFile: string;
  readonly failurePolicy: 'Fail' | 'Ignore';
  readonly log: KubeLog;
  readonly onWritten: () => void;
}

const LEASE = 'weft-validation-leader';
const FIELD_MANAGER = 'weft-control-plane';
/** Roots change without an event. */
const RECHECK_MS = 10_000;
const SELF_TEST_MS = 1000;
const KEY = 'webhook';
const GROUPS = ['security.istio.io', 'networking.istio.io', 'telemetry.istio.io', 'extensions.istio.io'];

export const webhookConfigName = (namespace: string): string => `istio-validator-${namespace}`;

/**
 * Keeps the registration of the webhook: makes it, gives it the roots of the CA, and puts back what somebody changed, on one
 * replica at a time. The webhook must first show that it works: until then a failure of it lets objects through.
 */
export class WebhookRegistration implements Service {
  readonly name = 'validation webhook registration';
  readonly #elector: LeaderElector;
  readonly #configs: Informer<ValidatingWebhookConfiguration>;
  #works = false;

  constructor(private readonly options: WebhookRegistrationOptions) {
    const { kube, namespace, identity, log } = options;
    this.#configs = kube.informer(VALIDATING_WEBHOOK_CONFIGURATIONS, {
      fieldSelector: `metadata.name=${webhookConfigName(namespace)}`,
    });
    this.#elector = new LeaderElector({
      kube,
      namespace,
      name: LEASE,
      identity,
      log,
      lead: (signal) => void this.#lead(signal),
    });
  }

  async start(): Promise<void> {
    await this.#configs.start();
    await this.#elector.start();
  }

  async stop(): Promise<void> {
    await this.#elector.stop();
    await this.#configs.stop();
  }

  async #lead(signal: AbortSignal): Promise<void> {
    const queue = new WorkQueue({ name: this.name, log: this.options.log, handle: () => this.#reconcile() });
    await queue.start();
    const again = () => queue.add(KEY);
    const unsubscribe = this.#configs.on({ added: again, updated: again, deleted: again });
    again();
    signal.addEventListener('abort', () => {
      unsubscribe();
      void queue.stop();
    });
  }

  async #reconcile(): Promise<{ requeueAfterMs: number }> {
    const { kube, namespace, rootFile, log, onWritten } = this.options;
    let roots: string;
    try {
      roots = readFileSync(rootFile, 'utf8');
    } catch (thrown) {
      log.warn({ rootFile, err: toError(thrown).message }, 'the validation webhook waits for the roots of the CA');
      return { requeueAfterMs: SELF_TEST_MS };
    }
    const live = this.#configs.get(undefined, webhookConfigName(namespace));
    // Another replica has shown it already: what is safe stays safe when the leader changes.
    this.#works ||= live?.webhooks?.[0]?.failurePolicy === 'Fail';
    const wanted = this.#configuration(roots);
    if (!isAsWanted(live, wanted)) {
      await kube.apply(VALIDATING_WEBHOOK_CONFIGURATIONS, wanted, { fieldManager: FIELD_MANAGER, force: true });
      onWritten();
      return { requeueAfterMs: SELF_TEST_MS };
    }
    if (this.#works) return { requeueAfterMs: RECHECK_MS };
    this.#works = await this.#selfTest();
    if (this.#works) log.info({}, 'the validation webhook works');
    return { requeueAfterMs: this.#works ? 0 : SELF_TEST_MS };
  }

  /** True if an object that the webhook always refuses is refused, through the API server. */
  async #selfTest(): Promise<boolean> {
    const probe = {
      metadata: {
        name: 'weft-validation-probe',
        namespace: this.options.namespace,
        annotations: { [ANNOTATION_ALWAYS_REJECT]: 'true' },
      },
      spec: { servers: [{ port: { number: 80, name: 'http', protocol: 'HTTP' }, hosts: ['*'] }] },
    };
    try {
      await this.options.kube.create<KubeObject & { spec: object }>(ISTIO_GATEWAYS, probe, { dryRun: true });
      return false;
    } catch (thrown) {
      if (thrown instanceof KubeApiError) return thrown.message.includes(ALWAYS_REJECTED);
      throw thrown;
    }
  }

  #configuration(roots: string): ValidatingWebhookConfiguration {
    const { namespace, service, failurePolicy } = this.options;
    return {
      metadata: {
        name: webhookConfigName(namespace),
        labels: { app: 'weft-control-plane', 'app.kubernetes.io/part-of': 'weft' },
      },
      webhooks: [
        {
          name: 'rev.validation.istio.io',
          clientConfig: {
            service: { name: service, namespace, path: '/validate', port: 443 },
            caBundle: Buffer.from(roots).toString('base64'),
          },
          rules: [
            { operations: ['CREATE', 'UPDATE'], apiGroups: GROUPS, apiVersions: ['*'], resources: ['*'], scope: '*' },
          ],
          failurePolicy: this.#works ? failurePolicy : 'Ignore',
          sideEffects: 'None',
          matchPolicy: 'Equivalent',
          timeoutSeconds: 10,
          admissionReviewVersions: ['v1'],
        },
      ],
    };
  }
}

/** The fields that we own are as we want them. */
function isAsWanted(live: unknown, wanted: unknown): boolean {
  if (Array.isArray(wanted))
    return Array.isArray(live) && live.length === wanted.length && wanted.every((item, i) => isAsWanted(live[i], item));
  if (typeof wanted !== 'object' || wanted === null) return live === wanted;
  if (typeof live !== 'object' || live === null) return false;
  return Object.entries(wanted).every(([key, value]) => isAsWanted((live as Record<string, unknown>)[key], value));
}
