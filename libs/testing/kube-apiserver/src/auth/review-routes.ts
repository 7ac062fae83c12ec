import { asList, asObject, type JsonObject } from '@weft/testing-kube-schema';
import { formatTime, uidOf } from '../kube-object.js';
import { checkKind } from '../objects/decode-body.js';
import { optionalBody } from '../request/request-context.js';
import type { SpecialRoute } from '../serving/request-handler.js';
import type { ResourceRequest } from '../serving/resource-routes.js';
import { sendJson } from '../serving/response.js';
import { badRequest, invalid, methodNotAllowed, notFound } from '../status-error.js';
import type { Store } from '../storage/store.js';
import type { Authenticator } from './authenticator.js';
import type { BoundObject, TokenSigner } from './token-signer.js';
import type { UserInfo } from './user-info.js';

const MIN_TOKEN_SECONDS = 600;
const MAX_TOKEN_SECONDS = 2 ** 32;
const DEFAULT_TOKEN_SECONDS = 3600;

const textList = (value: unknown): string[] => asList(value).filter((item): item is string => typeof item === 'string');

const userFields = (user: UserInfo): JsonObject => ({
  username: user.username,
  ...(user.uid === undefined ? {} : { uid: user.uid }),
  groups: user.groups,
  ...(user.extra === undefined ? {} : { extra: user.extra }),
});

/** Questions about tokens, users and permissions: answered, never stored. */
export class ReviewRoutes {
  readonly #routes: Readonly<
    Record<string, (request: ResourceRequest, body: JsonObject) => Promise<JsonObject> | JsonObject>
  > = {
    'authentication.k8s.io/tokenreviews': (_request, body) => this.#tokenReview(body),
    'authentication.k8s.io/selfsubjectreviews': ({ user }) => ({ userInfo: userFields(user) }),
    'authorization.k8s.io/selfsubjectaccessreviews': () => ({
      allowed: true,
      reason: 'every authenticated user may do anything here',
    }),
    'authorization.k8s.io/localsubjectaccessreviews': () => ({ allowed: true }),
    'authorization.k8s.io/subjectaccessreviews': (_request, body) => ({
      allowed: asObject(body['spec'])['user'] !== 'system:anonymous',
    }),
    'authorization.k8s.io/selfsubjectrulesreviews': () => ({
      resourceRules: [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'] }],
      nonResourceRules: [{ verbs: ['*'], nonResourceURLs: ['*'] }],
      incomplete: false,
    }),
  };

  constructor(
    private readonly authenticator: Authenticator,
    private readonly signer: TokenSigner,
    private readonly store: Store,
    private readonly now: () => Date,
  ) {}

  find({ info, path }: ResourceRequest): SpecialRoute | undefined {
    if (info.group === '' && info.plural === 'serviceaccounts' && path.subresource === 'token') {
      return (request) => this.#tokenRequest(request);
    }
    const answer = this.#routes[`${info.group}/${info.plural}`];
    if (answer === undefined) return undefined;
    return async (request) => {
      if (request.request.method !== 'POST')
        throw methodNotAllowed(request.info, (request.request.method ?? '').toLowerCase());
      const body = await optionalBody(request);
      checkKind(request.info, body);
      const status = await answer(request, body);
      sendJson(request.response, 201, { ...body, status });
    };
  }

  async #tokenReview(body: JsonObject): Promise<JsonObject> {
    const spec = asObject(body['spec']);
    const token = spec['token'];
    if (typeof token !== 'string' || token === '') return { user: {}, error: 'spec.token is empty' };
    const asked = textList(spec['audiences']);
    const verdict = await this.authenticator.review(token, asked.length > 0 ? asked : this.authenticator.audiences);
    if (!verdict.authenticated) return { user: {}, error: verdict.error };
    return { authenticated: true, user: userFields(verdict.user), audiences: verdict.audiences };
  }

  async #tokenRequest(request: ResourceRequest): Promise<void> {
    const { info, path, response } = request;
    if (request.request.method !== 'POST') throw methodNotAllowed(info, (request.request.method ?? '').toLowerCase());
    const body = await optionalBody(request);
    const account = this.store.bucket('serviceaccounts').get(path.namespace, path.name);
    if (account === undefined) throw notFound(info, path.name);
    const spec = asObject(body['spec']);
    const seconds = spec['expirationSeconds'] ?? DEFAULT_TOKEN_SECONDS;
    if (typeof seconds !== 'number' || seconds < MIN_TOKEN_SECONDS || seconds > MAX_TOKEN_SECONDS) {
      throw invalid({ group: 'authentication.k8s.io', kind: 'TokenRequest' }, '', [
        {
          reason: 'FieldValueInvalid',
          field: 'spec.expirationSeconds',
          message: `Invalid value: ${JSON.stringify(seconds)}: may not specify a duration less than 10 minutes`,
        },
      ]);
    }
    const audiences = textList(spec['audiences']);
    const nowSeconds = Math.floor(this.now().getTime() / 1000);
    const expiresAtSeconds = nowSeconds + seconds;
    const claims = {
      namespace: path.namespace,
      serviceAccount: { name: path.name, uid: uidOf(account.object) },
      ...this.#bound(path.namespace, spec['boundObjectRef']),
      audiences: audiences.length > 0 ? audiences : this.authenticator.audiences,
      expiresAtSeconds,
    };
    const token = await this.signer.sign(claims, nowSeconds);
    sendJson(response, 201, {
      kind: 'TokenRequest',
      apiVersion: 'authentication.k8s.io/v1',
      metadata: { name: path.name, namespace: path.namespace, creationTimestamp: formatTime(this.now()) },
      spec: { audiences: claims.audiences, expirationSeconds: seconds, boundObjectRef: spec['boundObjectRef'] ?? null },
      status: { token, expirationTimestamp: formatTime(new Date(expiresAtSeconds * 1000)) },
    });
  }

  /** The pod (with its node), secret or node that the token lives and dies with. */
  #bound(namespace: string, reference: unknown): { pod?: BoundObject; node?: BoundObject; secret?: BoundObject } {
    if (reference === undefined || reference === null) return {};
    const { kind, name, uid } = asObject(reference);
    if (typeof name !== 'string' || (kind !== 'Pod' && kind !== 'Secret' && kind !== 'Node')) {
      throw badRequest(
        `cannot bind token for serviceaccount to object of kind ${JSON.stringify(kind)}: only Pod, Secret and Node are supported`,
      );
    }
    const plural = `${kind.toLowerCase()}s`;
    const live = this.store.bucket(plural).get(kind === 'Node' ? '' : namespace, name);
    if (live === undefined) throw notFound({ group: '', plural }, name);
    if (typeof uid === 'string' && uid !== '' && uid !== uidOf(live.object)) {
      throw badRequest(
        `the UID in the bound object reference (${uid}) does not match the UID in record (${uidOf(live.object)}). The object might have been deleted and then recreated`,
      );
    }
    const bound = { name, uid: uidOf(live.object) };
    if (kind === 'Node') return { node: bound };
    if (kind === 'Secret') return { secret: bound };
    const nodeName = asObject(live.object['spec'])['nodeName'];
    const node = typeof nodeName === 'string' ? this.store.bucket('nodes').get('', nodeName) : undefined;
    return { pod: bound, ...(node === undefined ? {} : { node: { name: node.name, uid: uidOf(node.object) } }) };
  }
}
