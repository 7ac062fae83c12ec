import type { IncomingMessage, ServerResponse } from 'node:http';
import { isObject, type JsonObject } from '@weft/testing-kube-schema';
import type { UserInfo } from '../auth/user-info.js';
import type { WriteOptions } from '../objects/write-context.js';
import { badRequest } from '../status-error.js';
import { decodeBody, mediaTypeOf, readBody } from './request-body.js';

/** One authenticated request on its way through the server. */
export interface RequestContext {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly pathname: string;
  readonly query: URLSearchParams;
  readonly user: UserInfo;
  readonly warnings: string[];
}

/** Client-go's default manager: the program of the User-Agent. */
function managerOf({ request, query }: RequestContext): string {
  const asked = query.get('fieldManager');
  if (asked !== null && asked !== '') {
    if (asked.length > 128) throw badRequest('fieldManager: Too long: may not be more than 128 bytes');
    return asked;
  }
  return (request.headers['user-agent'] ?? '').split('/')[0]!.slice(0, 128) || 'unknown';
}

/** dryRun, fieldManager and fieldValidation, checked. */
export function writeOptionsOf(context: RequestContext, body: JsonObject = {}): WriteOptions {
  const dryRun = context.query.getAll('dryRun').concat(Array.isArray(body['dryRun']) ? body['dryRun'].map(String) : []);
  if (dryRun.some((value) => value !== 'All' && value !== '')) {
    throw badRequest(`dryRun: Unsupported value: ${JSON.stringify(dryRun.join(','))}: supported values: "All"`);
  }
  const fieldValidation = context.query.get('fieldValidation') ?? 'Warn';
  if (
    fieldValidation !== '' &&
    fieldValidation !== 'Ignore' &&
    fieldValidation !== 'Warn' &&
    fieldValidation !== 'Strict'
  ) {
    throw badRequest(
      `fieldValidation: Unsupported value: ${JSON.stringify(fieldValidation)}: supported values: "Ignore", "Strict", "Warn"`,
    );
  }
  return {
    user: context.user,
    manager: managerOf(context),
    dryRun: dryRun.includes('All'),
    fieldValidation: fieldValidation === '' ? 'Warn' : fieldValidation,
    warn: (text) => context.warnings.push(text),
  };
}

/** The body as an object; an empty body is an empty object. */
export async function optionalBody({ request }: RequestContext): Promise<JsonObject> {
  const bytes = await readBody(request);
  if (bytes.length === 0) return {};
  const { value } = decodeBody(bytes, mediaTypeOf(request));
  if (!isObject(value)) throw badRequest('the body of the request must be one object');
  return value;
}
