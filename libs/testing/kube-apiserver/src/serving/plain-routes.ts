import { createHash } from 'node:crypto';
import { openApiV2, openApiV3, openApiV3Index, type JsonObject } from '@weft/testing-kube-schema';
import type { TokenSigner } from '../auth/token-signer.js';
import type { RequestContext } from '../request/request-context.js';
import { noSuchPath, notAcceptable } from '../status-error.js';
import type { TypeCatalog } from '../type-catalog.js';
import { aggregatedDiscovery, coreVersions, groupList, oneGroup, resourceList, wantsAggregated } from './discovery.js';
import { sendJson } from './response.js';

const OPENAPI_V2_PROTOBUF = 'application/com.github.proto-openapi.spec.v2@v1.0+protobuf';
/**
 * An OpenAPI v2 document without types: swagger "2.0", a title and a version. kubectl asks for this form only for a type that
 * OpenAPI v3 does not have yet (an object in one file with its definition), and then goes on without a schema.
 */
const EMPTY_OPENAPI_V2 = Buffer.from('\n\x032.0\x12\x15\n\nKubernetes\x12\x07v1.32.0B\0J\0', 'latin1');

/** Discovery, OpenAPI and the keys of ServiceAccount tokens. Documents are made anew only when the served types change. */
export class PlainRoutes {
  readonly #cache = new Map<string, string>();
  #cachedGeneration = -1;

  constructor(
    private readonly catalog: TypeCatalog,
    private readonly signer: TokenSigner,
  ) {}

  handle(context: RequestContext): boolean {
    const segments = context.pathname.split('/').filter((segment) => segment !== '');
    switch (segments[0]) {
      case undefined:
        sendJson(context.response, 200, { paths: this.#paths() });
        return true;
      case 'api':
      case 'apis':
        return this.#discovery(context, segments);
      case 'openapi':
        return this.#openapi(context, segments);
      case '.well-known':
        if (segments[1] !== 'openid-configuration') return false;
        sendJson(context.response, 200, {
          issuer: this.signer.issuer,
          jwks_uri: `${this.signer.issuer}/openid/v1/jwks`,
          response_types_supported: ['id_token'],
          subject_types_supported: ['public'],
          id_token_signing_alg_values_supported: ['ES256'],
        });
        return true;
      default:
        if (context.pathname !== '/openid/v1/jwks') return false;
        sendJson(context.response, 200, { keys: [this.signer.publicJwk] });
        return true;
    }
  }

  #paths(): readonly string[] {
    const versions = this.catalog
      .all()
      .map(({ group, version }) => (group === '' ? `/api/${version}` : `/apis/${group}/${version}`));
    return [
      ...new Set([
        '/api',
        '/apis',
        ...versions,
        '/healthz',
        '/livez',
        '/openapi/v2',
        '/openapi/v3',
        '/readyz',
        '/version',
      ]),
    ];
  }

  #discovery({ request, response }: RequestContext, segments: readonly string[]): boolean {
    const core = segments[0] === 'api';
    const depth = segments.length;
    if (depth > (core ? 2 : 3)) return false;
    const all = this.catalog.all();
    if (depth === 1) {
      const version = wantsAggregated(request.headers.accept);
      if (version !== null) {
        this.#send(response, `aggregated/${core}/${version}`, () => aggregatedDiscovery(all, core, version), {
          'content-type': `application/json;g=apidiscovery.k8s.io;v=${version};as=APIGroupDiscoveryList`,
          vary: 'Accept',
        });
        return true;
      }
      sendJson(response, 200, core ? coreVersions(request.headers.host ?? '') : groupList(all));
      return true;
    }
    const document = core
      ? resourceList(all, '', segments[1]!)
      : depth === 2
        ? oneGroup(all, segments[1]!)
        : resourceList(all, segments[1]!, segments[2]!);
    if (document === undefined) throw noSuchPath();
    sendJson(response, 200, document);
    return true;
  }

  #openapi({ request, response }: RequestContext, segments: readonly string[]): boolean {
    const accept = request.headers.accept ?? '*/*';
    const [, version, ...rest] = segments;
    if (version === 'v2' && rest.length === 0 && accept.includes(OPENAPI_V2_PROTOBUF)) {
      response.writeHead(200, {
        'content-type': OPENAPI_V2_PROTOBUF.replace('@', '.'),
        'content-length': EMPTY_OPENAPI_V2.length,
      });
      response.end(EMPTY_OPENAPI_V2);
      return true;
    }
    if (!accept.includes('json') && !accept.includes('*')) throw notAcceptable(['application/json']);
    if (version === 'v2' && rest.length === 0) {
      this.#send(response, 'v2', () => openApiV2(this.catalog.all()));
      return true;
    }
    if (version !== 'v3') return false;
    if (rest.length === 0) {
      this.#send(response, 'v3', () => openApiV3Index(this.catalog.all(), (path) => this.#hash(path)));
      return true;
    }
    const path = rest.join('/');
    if (this.#document(path) === undefined) throw noSuchPath();
    this.#send(response, `v3/${path}`, () => this.#document(path) ?? {});
    return true;
  }

  #document(path: string): JsonObject | undefined {
    const [root, first, second, ...more] = path.split('/');
    if (more.length > 0 || first === undefined) return undefined;
    if (root === 'api') return openApiV3(this.catalog.all(), { group: '', version: first });
    return root === 'apis' && second !== undefined
      ? openApiV3(this.catalog.all(), { group: first, version: second })
      : undefined;
  }

  #hash(path: string): string {
    return createHash('sha256')
      .update(this.#text(`v3/${path}`, () => this.#document(path) ?? {}))
      .digest('hex')
      .toUpperCase();
  }

  #text(key: string, make: () => JsonObject): string {
    if (this.#cachedGeneration !== this.catalog.generation) {
      this.#cache.clear();
      this.#cachedGeneration = this.catalog.generation;
    }
    let text = this.#cache.get(key);
    if (text === undefined) this.#cache.set(key, (text = JSON.stringify(make())));
    return text;
  }

  #send(
    response: RequestContext['response'],
    key: string,
    make: () => JsonObject,
    headers: Record<string, string> = {},
  ): void {
    const text = this.#text(key, make);
    response.writeHead(200, {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(text),
      ...headers,
    });
    response.end(text);
  }
}
