import { randomUUID } from 'node:crypto';
import { toError } from '@weft/result';
import type { Logger } from '@weft/runtime';
import {
  asList,
  asObject,
  asString,
  equalJson,
  formatApiVersion,
  jsonPatch,
  type JsonObject,
  type ResourceInfo,
} from '@weft/testing-kube-schema';
import { asKubeObject, type KubeObject } from '../kube-object.js';
import type { AdmissionRequest } from '../objects/write-context.js';
import { inVersion } from '../serving/object-writer.js';
import { badRequest, internalError, StatusError } from '../status-error.js';
import type { Store } from '../storage/store.js';
import type { TypeCatalog } from '../type-catalog.js';
import type { AdmissionStep } from './admission-chain.js';
import { callWebhook } from './webhook-client.js';
import { webhookMatch } from './webhook-match.js';

const MUTATING = 'mutatingwebhookconfigurations.admissionregistration.k8s.io';
const VALIDATING = 'validatingwebhookconfigurations.admissionregistration.k8s.io';
const DEFAULT_TIMEOUT_SECONDS = 10;
const MAX_TIMEOUT_SECONDS = 30;

interface Hit {
  readonly webhook: JsonObject;
  readonly info: ResourceInfo;
}

/** Asks the registered admission webhooks. Their own configurations are never sent to them, so that a bad one can be repaired. */
export class WebhookAdmission implements AdmissionStep {
  constructor(
    private readonly store: Store,
    private readonly catalog: TypeCatalog,
    private readonly log: Logger,
  ) {}

  /** One after the other, in the order of their configurations' names; those who ask for it see the object again when it changed after them. */
  async mutate(request: AdmissionRequest): Promise<KubeObject | null> {
    let { object } = request;
    const asked: { readonly webhook: JsonObject; readonly after: KubeObject | null }[] = [];
    for (const webhook of this.#webhooks(MUTATING, request.info)) {
      const next = await this.#mutateOnce(webhook, { ...request, object });
      if (next === undefined) continue;
      object = next;
      asked.push({ webhook, after: object });
    }
    for (const { webhook, after } of asked) {
      if (webhook['reinvocationPolicy'] !== 'IfNeeded' || equalJson(after, object)) continue;
      object = (await this.#mutateOnce(webhook, { ...request, object })) ?? object;
    }
    return object;
  }

  /** All at once; the first refusal counts. */
  async validate(request: AdmissionRequest): Promise<void> {
    const hits = this.#webhooks(VALIDATING, request.info).flatMap((webhook): Hit[] => {
      const info = webhookMatch(webhook, request, this.store, this.catalog);
      return info === undefined ? [] : [{ webhook, info }];
    });
    if (hits.length > 0) await Promise.all(hits.map((hit) => this.#ask(hit, request)));
  }

  #webhooks(bucket: string, info: ResourceInfo): readonly JsonObject[] {
    if (info.group === 'admissionregistration.k8s.io') return [];
    const configurations = this.store.bucket(bucket);
    if (configurations.size === 0) return [];
    return configurations.list().flatMap(({ object }) => asList(object['webhooks']).map(asObject));
  }

  /** The changed object; undefined when this webhook is not asked. */
  async #mutateOnce(webhook: JsonObject, request: AdmissionRequest): Promise<KubeObject | null | undefined> {
    const info = webhookMatch(webhook, request, this.store, this.catalog);
    if (info === undefined) return undefined;
    const answer = await this.#ask({ webhook, info }, request);
    const { object } = request;
    if (answer === null || object === null || asString(answer['patch']) === '') return object;
    try {
      if (answer['patchType'] !== 'JSONPatch')
        throw new Error(`patchType ${JSON.stringify(answer['patchType'])} is not JSONPatch`);
      const patch = JSON.parse(Buffer.from(asString(answer['patch']), 'base64').toString('utf8')) as unknown;
      const result = jsonPatch(inVersion(object, info), patch);
      if (!result.ok) throw new Error(result.error.message);
      return inVersion(asKubeObject(result.value), request.info);
    } catch (thrown) {
      this.#failed(webhook, toError(thrown));
      return object;
    }
  }

  /** The webhook's `response`; null when it could not be asked and failurePolicy is Ignore. Throws its refusal. */
  async #ask(hit: Hit, request: AdmissionRequest): Promise<JsonObject | null> {
    const { webhook } = hit;
    const name = asString(webhook['name']);
    if (request.options.dryRun && webhook['sideEffects'] !== 'None' && webhook['sideEffects'] !== 'NoneOnDryRun') {
      throw badRequest(`admission webhook ${JSON.stringify(name)} does not support dry run`);
    }
    let answer: JsonObject;
    try {
      if (asList(webhook['matchConditions']).length > 0)
        throw new Error('matchConditions (CEL) are not supported by this server');
      const review = reviewOf(hit, request);
      const seconds = webhook['timeoutSeconds'];
      const timeout = Math.min(
        MAX_TIMEOUT_SECONDS,
        typeof seconds === 'number' && seconds > 0 ? seconds : DEFAULT_TIMEOUT_SECONDS,
      );
      answer = asObject(
        (await callWebhook(this.store, asObject(webhook['clientConfig']), review, timeout))['response'],
      );
      if (answer['uid'] !== asObject(review['request'])['uid'])
        throw new Error('the answer is for another request (uid differs)');
    } catch (thrown) {
      return this.#failed(webhook, toError(thrown));
    }
    for (const warning of asList(answer['warnings'])) request.options.warn(String(warning));
    if (answer['allowed'] !== true) throw refusal(name, asObject(answer['status']));
    return answer;
  }

  #failed(webhook: JsonObject, error: Error): null {
    const name = asString(webhook['name']);
    if (webhook['failurePolicy'] !== 'Ignore')
      throw internalError(`failed calling webhook ${JSON.stringify(name)}: failed to call webhook: ${error.message}`);
    this.log.warn({ webhook: name, err: error }, 'webhook failed, going on as its failurePolicy is Ignore');
    return null;
  }
}

function refusal(name: string, status: JsonObject): StatusError {
  const { message, reason, code, details } = status;
  const why = asString(message) || asString(reason);
  const text = `admission webhook ${JSON.stringify(name)} denied the request${why === '' ? ' without explanation' : `: ${why}`}`;
  const httpStatus = typeof code === 'number' && code >= 400 && code < 600 ? code : 400;
  return new StatusError(httpStatus, asString(reason), text, asObject(details));
}

const kindOf = ({ group, version, kind }: ResourceInfo): JsonObject => ({ group, version, kind });
const resourceOf = ({ group, version, plural }: ResourceInfo): JsonObject => ({ group, version, resource: plural });

function reviewOf({ info }: Hit, request: AdmissionRequest): JsonObject {
  const { operation, subresource, namespace, name, object, oldObject, options } = request;
  const sub = subresource === '' ? {} : { subResource: subresource, requestSubResource: subresource };
  const optionsKind = {
    CREATE: 'CreateOptions',
    UPDATE: 'UpdateOptions',
    DELETE: 'DeleteOptions',
    CONNECT: 'ConnectOptions',
  }[operation];
  return {
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    request: {
      uid: randomUUID(),
      kind: kindOf(info),
      resource: resourceOf(info),
      requestKind: kindOf(request.info),
      requestResource: resourceOf(request.info),
      ...sub,
      name,
      ...(namespace === '' ? {} : { namespace }),
      operation,
      userInfo: { ...options.user },
      object: object === null ? null : inVersion(object, info),
      oldObject: oldObject === null ? null : inVersion(oldObject, info),
      dryRun: options.dryRun,
      options: {
        kind: optionsKind,
        apiVersion: formatApiVersion({ group: 'meta.k8s.io', version: 'v1' }),
        fieldManager: options.manager,
      },
    },
  };
}
