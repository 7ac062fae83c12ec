import {
  createFileRegistry,
  fromBinary,
  fromJson,
  mergeFromBinary,
  toBinary,
  type DescMessage,
  type JsonValue,
  type MessageShape,
} from '@bufbuild/protobuf';
import { reflect, type ReflectMessage } from '@bufbuild/protobuf/reflect';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { err, ok, type Result } from '@weft/result';
import { DESCRIPTORS } from './gen/descriptors.js';

const TYPED_STRUCT = 'xds.type.v3.TypedStruct';
const PREFIX = 'type.googleapis.com/';

let known: ReturnType<typeof createFileRegistry> | undefined;

/** Built when it is first asked for: most meshes write no message by hand. */
function registry() {
  known ??= createFileRegistry(fromBinary(FileDescriptorSetSchema, Buffer.from(DESCRIPTORS, 'base64')));
  return known;
}

function descriptorOf(type: string): DescMessage {
  const found = registry().getMessage(type);
  if (found === undefined) throw new Error(`${type} is not among the generated messages`);
  return found;
}

/**
 * A message that a user wrote as JSON, encoded; the error says what in it is not as the message wants it. An `@type` that is not
 * among the generated ones goes to Envoy as a TypedStruct, for Envoy to read.
 */
export function readWrittenMessage(type: string, written: unknown): Result<Uint8Array, string> {
  try {
    const message = fromJson(descriptorOf(type), withTypedStructs(written as JsonValue), { registry: registry() });
    return ok(toBinary(descriptorOf(type), message));
  } catch (thrown) {
    return err((thrown as Error).message);
  }
}

function withTypedStructs(json: JsonValue): JsonValue {
  if (Array.isArray(json)) return json.map(withTypedStructs);
  if (json === null || typeof json !== 'object') return json;
  const { '@type': url, ...rest } = json;
  if (typeof url === 'string' && url !== '' && registry().getMessage(url.slice(url.lastIndexOf('/') + 1)) === undefined)
    return { '@type': `${PREFIX}${TYPED_STRUCT}`, type_url: url, value: rest };
  return Object.fromEntries(Object.entries(json).map(([key, value]) => [key, withTypedStructs(value)]));
}

/**
 * The patch merged into the message as protobuf merges: set fields win, messages merge, lists grow. Durations, wrapped scalars and Any
 * are taken whole, since half of one and half of another mean nothing.
 */
export function mergeEncoded(type: string, base: Uint8Array, patch: Uint8Array): Uint8Array {
  const descriptor = descriptorOf(type);
  const merged: MessageShape<DescMessage> = fromBinary(descriptor, base);
  dropReplaced(reflect(descriptor, merged), reflect(descriptor, fromBinary(descriptor, patch)));
  mergeFromBinary(descriptor, merged, patch);
  return toBinary(descriptor, merged);
}

function dropReplaced(base: ReflectMessage, patch: ReflectMessage): void {
  for (const field of patch.fields) {
    if (field.fieldKind !== 'message' || !patch.isSet(field) || !base.isSet(field)) continue;
    const { typeName } = field.message;
    if (typeName.startsWith('google.protobuf.') && typeName !== 'google.protobuf.Struct') base.clear(field);
    else if (typeName !== 'google.protobuf.Struct') dropReplaced(base.get(field), patch.get(field));
  }
}
