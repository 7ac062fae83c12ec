import { asObject, setKey, type JsonObject } from '@weft/testing-kube-schema';
import { badRequest, StatusError } from '../status-error.js';
import { PROTOBUF_KINDS, PROTOBUF_MESSAGES } from './protobuf-fields.js';
import { bytesOf, readFields, signedOf, type WireField } from './protobuf-reader.js';

export const PROTOBUF_MEDIA_TYPE = 'application/vnd.kubernetes.protobuf';
const MAGIC = Buffer.from('k8s\0', 'latin1');
const MAX_DEPTH = 60;

interface FieldType {
  /** `~`: the fields of the message stand in the object itself. */
  readonly name: string;
  readonly keepsZero: boolean;
  readonly shape: 'one' | 'list' | 'map';
  readonly type: string;
}

type Message = ReadonlyMap<number, FieldType>;

let kinds: ReadonlyMap<string, string> | undefined;
let messages: ReadonlyMap<string, string> | undefined;
const compiled = new Map<string, Message>();

function messageNameOf(apiVersion: string, kind: string): string | undefined {
  kinds ??= new Map(
    PROTOBUF_KINDS.trim()
      .split('\n')
      .flatMap((line) => {
        const [version = '', ...names] = line.split(' ');
        return names.map((name): [string, string] => {
          const [from = '', to = from] = name.split('=');
          return [`${version}/${from}`, to];
        });
      }),
  );
  // Options come under the apiVersion of whatever group they are for.
  return kind === 'DeleteOptions' ? kind : kinds.get(`${apiVersion}/${kind}`);
}

function messageOf(name: string): Message {
  const known = compiled.get(name);
  if (known !== undefined) return known;
  messages ??= new Map(
    PROTOBUF_MESSAGES.trim()
      .split('\n')
      .map((line) => {
        const space = line.indexOf(' ');
        return space < 0 ? [line, ''] : [line.slice(0, space), line.slice(space + 1)];
      }),
  );
  const fields = (messages.get(name) ?? '').split(' ').filter((field) => field !== '');
  const message: Message = new Map(fields.map(parseField));
  compiled.set(name, message);
  return message;
}

function parseField(text: string): [number, FieldType] {
  const [name = '', number = '', code = ''] = text.split(':');
  const keepsZero = code.startsWith('!');
  const rest = keepsZero ? code.slice(1) : code;
  const shape = rest.startsWith('*') ? 'list' : rest.startsWith('%') ? 'map' : 'one';
  return [Number(number), { name, keepsZero, shape, type: shape === 'one' ? rest : rest.slice(1) }];
}

const numberOf = (fields: readonly WireField[], number: number): number => {
  const field = fields.find((each) => each.number === number);
  return field === undefined ? 0 : Number(signedOf(field));
};
const textOf = (fields: readonly WireField[], number: number): string => {
  const field = fields.find((each) => each.number === number);
  return field === undefined ? '' : bytesOf(field).toString('utf8');
};

function timestamp(bytes: Buffer, fractionDigits: 0 | 6): string | undefined {
  const fields = readFields(bytes);
  const seconds = numberOf(fields, 1);
  const date = new Date(seconds * 1000);
  if (fields.length === 0 || Number.isNaN(date.getTime())) return undefined;
  const whole = date.toISOString().slice(0, 19);
  if (fractionDigits === 0) return `${whole}Z`;
  return `${whole}.${String(Math.floor(numberOf(fields, 2) / 1000)).padStart(6, '0')}Z`;
}

function embeddedJson(bytes: Buffer): unknown {
  const text = textOf(readFields(bytes), 1);
  if (text === '') return undefined;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw badRequest('the protobuf body holds an embedded object that is no JSON');
  }
}

/** The types that JSON does not write as the message they are. */
const SPECIAL: Readonly<Record<string, (bytes: Buffer) => unknown>> = {
  '@time': (bytes) => timestamp(bytes, 0),
  '@micro': (bytes) => timestamp(bytes, 6),
  '@duration': (bytes) => `${numberOf(readFields(bytes), 1) / 1e9}s`,
  '@quantity': (bytes) => textOf(readFields(bytes), 1),
  '@intstr': (bytes) => {
    const fields = readFields(bytes);
    return numberOf(fields, 1) === 0 ? numberOf(fields, 2) : textOf(fields, 3);
  },
  '@raw': embeddedJson,
  '@items': (bytes) => readFields(bytes).map((field) => bytesOf(field).toString('utf8')),
};

function readValue(type: string, field: WireField, depth: number): unknown {
  switch (type) {
    case 's':
      return bytesOf(field).toString('utf8');
    case 'y':
      return bytesOf(field).toString('base64');
    case 'i':
      return Number(signedOf(field));
    case 'b':
      return signedOf(field) !== 0n;
    case 'd': {
      const bits = Buffer.alloc(8);
      bits.writeBigInt64LE(signedOf(field));
      return bits.readDoubleLE();
    }
    default:
      return (
        SPECIAL[type]?.(bytesOf(field)) ??
        (type.startsWith('@') ? undefined : readMessage(type, bytesOf(field), depth + 1))
      );
  }
}

function isZero(value: unknown): boolean {
  return (
    value === undefined ||
    value === '' ||
    value === 0 ||
    value === false ||
    (typeof value === 'object' && value !== null && Object.keys(value).length === 0)
  );
}

function readMessage(name: string, bytes: Buffer, depth: number): JsonObject {
  if (depth > MAX_DEPTH) throw badRequest('the protobuf body is nested too deeply');
  const message = messageOf(name);
  const object: JsonObject = {};
  for (const field of readFields(bytes)) {
    const type = message.get(field.number);
    if (type !== undefined) readInto(object, type, field, depth);
  }
  return object;
}

function readInto(object: JsonObject, type: FieldType, field: WireField, depth: number): void {
  if (type.shape === 'map') {
    const entry = readFields(bytesOf(field));
    const value = entry.find((each) => each.number === 2);
    const map = asObject(object[type.name]);
    setKey(map, textOf(entry, 1), value === undefined ? '' : readValue(type.type, value, depth));
    object[type.name] = map;
    return;
  }
  const value = readValue(type.type, field, depth);
  if (type.shape === 'list') {
    const list = object[type.name];
    if (Array.isArray(list)) list.push(value);
    else object[type.name] = [value];
  } else if (type.name === '~') Object.assign(object, value);
  else if (value !== undefined && (type.keepsZero || !isZero(value))) object[type.name] = value;
}

/** A body in Kubernetes' protobuf envelope as the object that JSON would have given. 400 for malformed bytes, 415 for unknown kinds. */
export function decodeProtobuf(body: Buffer): JsonObject {
  if (!body.subarray(0, MAGIC.length).equals(MAGIC))
    throw badRequest('the protobuf body lacks the prefix of Kubernetes');
  const envelope = readFields(body.subarray(MAGIC.length));
  const typeMeta = envelope.find((field) => field.number === 1);
  const meta = typeMeta === undefined ? [] : readFields(bytesOf(typeMeta));
  const apiVersion = textOf(meta, 1);
  const kind = textOf(meta, 2);
  const name = messageNameOf(apiVersion, kind);
  if (name === undefined) {
    throw new StatusError(
      415,
      'UnsupportedMediaType',
      `${apiVersion} ${kind} is not accepted as protobuf by this server, send application/json`,
    );
  }
  const raw = envelope.find((field) => field.number === 2);
  return { apiVersion, kind, ...(raw === undefined ? {} : readMessage(name, bytesOf(raw), 0)) };
}
