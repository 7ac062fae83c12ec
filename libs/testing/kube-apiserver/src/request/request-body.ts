import type { IncomingMessage } from 'node:http';
import { isObject, type JsonObject } from '@weft/testing-kube-schema';
import { parseDocument } from 'yaml';
import { badRequest, StatusError, tooLarge, unsupportedMediaType } from '../status-error.js';
import { duplicateKeys } from './duplicate-keys.js';
import { decodeProtobuf, PROTOBUF_MEDIA_TYPE } from './protobuf-body.js';

/** Largest body of one object, as etcd and the real server have it. */
const BODY_LIMIT_BYTES = 3 * 1024 * 1024;

export type PatchKind = 'json' | 'merge' | 'strategic' | 'apply';

const PATCH_TYPES: Readonly<Record<string, PatchKind>> = {
  'application/json-patch+json': 'json',
  'application/merge-patch+json': 'merge',
  'application/strategic-merge-patch+json': 'strategic',
  'application/apply-patch+yaml': 'apply',
};
const PATCH_MEDIA_TYPES = Object.keys(PATCH_TYPES);

export interface DecodedBody {
  readonly value: unknown;
  /** Paths of keys given twice. */
  readonly duplicates: readonly string[];
}

export function mediaTypeOf(request: IncomingMessage): string {
  return (request.headers['content-type'] ?? '').split(';')[0]!.trim().toLowerCase();
}

/** 415 for anything that is no patch. */
export function patchKindOf(request: IncomingMessage): PatchKind {
  const kind = PATCH_TYPES[mediaTypeOf(request)];
  if (kind === undefined) throw unsupportedMediaType(PATCH_MEDIA_TYPES);
  return kind;
}

/** The whole body; 413 as soon as it passes the limit (what follows is not read). The socket stays usable for the answer. */
export function readBody(request: IncomingMessage, limitBytes = BODY_LIMIT_BYTES): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    if (Number(request.headers['content-length'] ?? '0') > limitBytes) {
      reject(tooLarge(limitBytes));
      return;
    }
    const chunks: Buffer[] = [];
    let length = 0;
    request.on('data', (chunk: Buffer) => {
      length += chunk.length;
      if (length <= limitBytes) {
        chunks.push(chunk);
        return;
      }
      request.pause();
      request.removeAllListeners('data');
      reject(tooLarge(limitBytes));
    });
    request.once('end', () => resolve(Buffer.concat(chunks)));
    request.once('error', () => reject(badRequest('the body of the request broke off')));
    request.once('aborted', () => reject(badRequest('the body of the request broke off')));
  });
}

function decodeYaml(text: string): DecodedBody {
  const document = parseDocument(text, { version: '1.2', schema: 'core', uniqueKeys: true, merge: true });
  const duplicates: string[] = [];
  for (const error of document.errors) {
    if (error.code !== 'DUPLICATE_KEY') throw badRequest(`error parsing YAML: ${error.message.split('\n')[0]!}`);
    duplicates.push(`line ${error.linePos?.[0].line ?? 0}`);
  }
  return { value: document.toJS({ maxAliasCount: 100 }) as unknown, duplicates };
}

/** Reads JSON, or YAML where the media type says so. JSON is tried first for YAML too: it is what clients mostly send. */
export function decodeBody(bytes: Buffer, mediaType: string): DecodedBody {
  if (mediaType === PROTOBUF_MEDIA_TYPE) return { value: decodeProtobuf(bytes), duplicates: [] };
  if (!['', 'application/json', 'application/yaml', ...PATCH_MEDIA_TYPES].includes(mediaType)) {
    throw unsupportedMediaType(['application/json', 'application/yaml', PROTOBUF_MEDIA_TYPE]);
  }
  const text = bytes.toString('utf8');
  const yaml = mediaType.endsWith('yaml');
  try {
    const value = JSON.parse(text) as unknown;
    return { value, duplicates: duplicateKeys(text) };
  } catch (cause) {
    if (!yaml) {
      const detail = cause instanceof Error ? cause.message : 'invalid JSON';
      throw badRequest(
        `the object provided is unrecognized (must be of type Object): couldn't get version/kind; json parse error: ${detail}`,
      );
    }
  }
  try {
    return decodeYaml(text);
  } catch (cause) {
    throw cause instanceof StatusError
      ? cause
      : badRequest(`error parsing YAML: ${cause instanceof Error ? cause.message : 'invalid document'}`);
  }
}

/** As `decodeBody`, for a body that has to be one object. */
export function decodeObject(
  bytes: Buffer,
  mediaType: string,
): { readonly object: JsonObject; readonly duplicates: readonly string[] } {
  const { value, duplicates } = decodeBody(bytes, mediaType);
  if (!isObject(value)) throw badRequest('the body of the request must be one object');
  return { object: value, duplicates };
}
