import type { IncomingMessage, ServerResponse } from 'node:http';
import { toError } from '@weft/result';
import type { Logger } from '@weft/runtime';
import type { Authenticator } from '../auth/authenticator.js';
import type { UserInfo } from '../auth/user-info.js';
import type { RequestContext } from '../request/request-context.js';
import { parseResourcePath } from '../request/request-path.js';
import { badRequest, internalError, methodNotAllowed, noSuchPath, StatusError, unauthorized } from '../status-error.js';
import type { TypeCatalog } from '../type-catalog.js';
import type { ResourceRequest, ResourceRoutes, ResourceTarget } from './resource-routes.js';
import { addWarnings, sendJson, sendStatus } from './response.js';

/** Answers a path that is no resource; false when it is not its path. */
export type PlainRoutes = (context: RequestContext) => Promise<boolean> | boolean;

/** Answers a subresource or a resource that is not simply stored; undefined when the plain way is right. */
export type SpecialRoute = (request: ResourceRequest) => Promise<void>;

export interface RequestHandlerParts {
  readonly authenticator: Authenticator;
  readonly catalog: TypeCatalog;
  readonly plain: PlainRoutes;
  readonly special: (request: ResourceRequest) => SpecialRoute | undefined;
  readonly resources: ResourceRoutes;
  readonly log: Logger;
}

export const VERSION = {
  major: '1',
  minor: '32',
  gitVersion: 'v1.32.0+weft',
  gitCommit: '',
  gitTreeState: 'clean',
  buildDate: '1970-01-01T00:00:00Z',
  goVersion: 'none',
  compiler: 'none',
  platform: 'linux',
};

/** Every request enters here. Whatever goes wrong inside becomes a Status for this client and nothing else. */
export class RequestHandler {
  constructor(private readonly parts: RequestHandlerParts) {}

  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    request.on('error', () => undefined);
    response.on('error', () => undefined);
    const started = performance.now();
    const warnings: string[] = [];
    try {
      await this.#route(request, response, warnings);
    } catch (thrown) {
      addWarnings(response, warnings);
      this.#fail(request, response, thrown);
    }
    this.parts.log.debug(
      {
        method: request.method,
        url: request.url,
        status: response.statusCode,
        durationMs: Math.round(performance.now() - started),
      },
      'request',
    );
  }

  /** Ends a request in an error, as Status if nothing was sent yet. */
  #fail(request: IncomingMessage, response: ServerResponse, thrown: unknown): void {
    const status = this.#statusOf(request, thrown);
    if (response.headersSent) response.destroy();
    else sendStatus(response, status);
  }

  #statusOf(request: IncomingMessage, thrown: unknown): StatusError {
    if (thrown instanceof StatusError) return thrown;
    if (thrown instanceof RangeError) return badRequest('the object is nested too deeply');
    this.parts.log.error({ err: toError(thrown), method: request.method, url: request.url }, 'request failed');
    return internalError(toError(thrown).message);
  }

  /** Who asks for what in an upgrade; 401 for nobody, 404 for nothing. */
  async upgrade(request: IncomingMessage): Promise<ResourceTarget> {
    const url = parseUrl(request);
    await this.#user(request);
    return this.#resolve(url.pathname, url.searchParams);
  }

  async #user(request: IncomingMessage): Promise<UserInfo> {
    const user = await this.parts.authenticator.authenticate(request);
    if (user === null) throw unauthorized();
    return user;
  }

  async #route(request: IncomingMessage, response: ServerResponse, warnings: string[]): Promise<void> {
    const url = parseUrl(request);
    if (isHealth(url.pathname)) {
      response.writeHead(200, { 'content-type': 'text/plain; charset=utf-8' });
      response.end('ok');
      return;
    }
    if (url.pathname === '/version') {
      sendJson(response, 200, VERSION);
      return;
    }
    const user = await this.#user(request);
    const context = { request, response, pathname: url.pathname, query: url.searchParams, user, warnings };
    if (await this.parts.plain(context)) return;
    await this.#resource(context);
  }

  async #resource(context: RequestContext): Promise<void> {
    const request = { ...context, ...this.#resolve(context.pathname, context.query) };
    const special = this.parts.special(request);
    if (special !== undefined) return special(request);
    const { info, path } = request;
    if (info.virtual) throw methodNotAllowed(info, (context.request.method ?? '').toLowerCase());
    if (path.subresource !== '' && !info.subresources.some(({ name }) => name === path.subresource)) throw noSuchPath();
    return this.parts.resources.handle(request);
  }

  #resolve(pathname: string, query: URLSearchParams): ResourceTarget {
    const path = parseResourcePath(pathname);
    if (path === null) throw noSuchPath();
    const info = this.parts.catalog.find(path.group, path.version, path.plural);
    if (info === undefined) throw noSuchPath();
    if (!info.namespaced && path.namespace !== '') throw noSuchPath();
    return { info, path, query };
  }
}

const isHealth = (pathname: string): boolean => /^\/(?:healthz|livez|readyz)(?:\/[a-z-]+)?$/.test(pathname);

function parseUrl(request: IncomingMessage): URL {
  try {
    return new URL(request.url ?? '/', 'https://kubernetes');
  } catch {
    throw badRequest('the request path is malformed');
  }
}
