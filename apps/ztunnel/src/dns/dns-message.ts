/** RFC 1035 4.1.1, RFC 2136, RFC 6891. */
export const rcodes = {
  noError: 0,
  formatError: 1,
  serverFailure: 2,
  notImplemented: 4,
  refused: 5,
  badVersion: 16,
} as const;

export const HEADER_BYTES = 12;
export const TYPE_A = 1;
export const TYPE_CNAME = 5;
export const TYPE_AAAA = 28;
export const TYPE_OPT = 41;
export const CLASS_IN = 1;

const MAX_NAME_BYTES = 255;
const MAX_LABEL_BYTES = 63;
const POINTER = 0xc0;
/** What names of services consist of. Other names are valid DNS, too, but not ours. */
const PLAIN_LABEL = /^[\w*-]+$/;

export interface Edns {
  /** What the client takes over UDP. */
  readonly payloadBytes: number;
  readonly version: number;
}

/** One question of a client, with the message that it came in. */
export interface DnsQuery {
  readonly message: Buffer;
  readonly recursionDesired: boolean;
  /** The question section is `message[12..questionEnd)`, name first. */
  readonly questionEnd: number;
  /** In lower case, most specific first. Null: a name that no service can have. */
  readonly labels: readonly string[] | null;
  readonly type: number;
  readonly class: number;
  readonly edns: Edns | null;
}

export type ParsedMessage =
  | { readonly kind: 'query'; readonly query: DnsQuery }
  | { readonly kind: 'refused'; readonly rcode: number }
  /** Nothing that could be answered. */
  | { readonly kind: 'noise' };

/** Reads what a client sent. Never throws; only what cannot be understood is refused, the rest is for the upstream to judge. */
export function parseMessage(message: Buffer): ParsedMessage {
  if (message.length < HEADER_BYTES) return { kind: 'noise' };
  const formatError: ParsedMessage = { kind: 'refused', rcode: rcodes.formatError };
  if (isResponse(message)) return formatError;
  if (opcodeOf(message) !== 0) return { kind: 'refused', rcode: rcodes.notImplemented };
  if (message.readUInt16BE(4) !== 1) return formatError;
  const name = readName(message);
  if (name === null || name.end + 4 > message.length) return formatError;
  const questionEnd = name.end + 4;
  const edns = readEdns(message, questionEnd);
  if (edns === 'malformed') return formatError;
  return {
    kind: 'query',
    query: {
      message,
      recursionDesired: (message[2]! & 1) !== 0,
      questionEnd,
      labels: name.labels,
      type: message.readUInt16BE(name.end),
      class: message.readUInt16BE(name.end + 2),
      edns,
    },
  };
}

/** Whether `answer` is a response to exactly this question; letter case of the name does not count. */
export function isAnswerTo(answer: Buffer, query: Buffer, questionEnd: number): boolean {
  if (answer.length < HEADER_BYTES || !isResponse(answer) || opcodeOf(answer) !== 0) return false;
  if (answer.readUInt16BE(0) !== query.readUInt16BE(0)) return false;
  // A server that could not read the question does not repeat it; it then has nothing to say but that.
  const failed = rcodeOf(answer) !== rcodes.noError;
  if (answer.readUInt16BE(4) === 0) return failed && answer.readUInt16BE(6) === 0;
  if (answer.readUInt16BE(4) !== 1 || answer.length < questionEnd) return false;
  return (
    sameIgnoringCase(answer, query, HEADER_BYTES, questionEnd - 4) &&
    answer.compare(query, questionEnd - 4, questionEnd, questionEnd - 4, questionEnd) === 0
  );
}

export function isResponse(message: Buffer): boolean {
  return (message[2]! & 0x80) !== 0;
}

export function rcodeOf(message: Buffer): number {
  return message[3]! & 15;
}

function opcodeOf(message: Buffer): number {
  return (message[2]! >> 3) & 15;
}

/** The name of the first question. It has nothing before it to point to, so a compressed one is malformed. */
function readName(message: Buffer): { readonly end: number; readonly labels: readonly string[] | null } | null {
  const labels: string[] = [];
  let plain = true;
  for (let at = HEADER_BYTES; at < message.length;) {
    const length = message[at]!;
    if (at + 1 - HEADER_BYTES + length > MAX_NAME_BYTES) return null;
    if (length === 0) return { end: at + 1, labels: plain ? labels : null };
    if (length > MAX_LABEL_BYTES) return null;
    const label = message.toString('latin1', at + 1, at + 1 + length).toLowerCase();
    plain &&= PLAIN_LABEL.test(label);
    labels.push(label);
    at += 1 + length;
  }
  return null;
}

/** The OPT record behind the question. A client's query has few records, so a count that lies costs nothing. */
function readEdns(message: Buffer, from: number): Edns | null | 'malformed' {
  const records = message.readUInt16BE(6) + message.readUInt16BE(8) + message.readUInt16BE(10);
  let edns: Edns | null = null;
  let at = from;
  for (let i = 0; i < records; i++) {
    const fixed = skipName(message, at);
    if (fixed === null || fixed + 10 > message.length) return 'malformed';
    if (message.readUInt16BE(fixed) === TYPE_OPT) {
      if (edns !== null) return 'malformed';
      edns = { payloadBytes: message.readUInt16BE(fixed + 2), version: message[fixed + 5]! };
    }
    at = fixed + 10 + message.readUInt16BE(fixed + 8);
    if (at > message.length) return 'malformed';
  }
  return edns;
}

function skipName(message: Buffer, from: number): number | null {
  for (let at = from; at < message.length;) {
    const length = message[at]!;
    if (length === 0) return at + 1;
    if (length >= POINTER) return at + 2;
    if (length > MAX_LABEL_BYTES) return null;
    at += 1 + length;
  }
  return null;
}

function sameIgnoringCase(a: Buffer, b: Buffer, from: number, to: number): boolean {
  return a.toString('latin1', from, to).toLowerCase() === b.toString('latin1', from, to).toLowerCase();
}
