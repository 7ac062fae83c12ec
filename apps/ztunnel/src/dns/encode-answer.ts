import type { IpAddress } from '@weft/ip';
import {
  CLASS_IN,
  HEADER_BYTES,
  rcodes,
  TYPE_A,
  TYPE_AAAA,
  TYPE_CNAME,
  TYPE_OPT,
  type DnsQuery,
} from './dns-message.js';

/** What a name of the mesh is. */
export interface DnsAnswer {
  /** The name is an alias: the real one is its first `labels` labels. Null: it is the real one. */
  readonly canonicalLabels: number | null;
  readonly addresses: readonly IpAddress[];
}

export type DnsTransport = 'udp' | 'tcp';

const TTL_SECONDS = 30;
const PLAIN_UDP_BYTES = 512;
const MAX_UDP_BYTES = 65_507;
const MAX_MESSAGE_BYTES = 65_535;
const OPT_BYTES = 11;
const RESPONSE = 0x80;
const AUTHORITATIVE = 0x04;
const TRUNCATED = 0x02;
const RECURSION_AVAILABLE = 0x80;
const CHECKING_DISABLED = 0x10;
/** Of the name in the question. */
const QUESTION_NAME = 0xc000 | HEADER_BYTES;

/** Authoritative; over UDP only as many records as the client takes, and then marked as truncated. */
export function encodeAnswer(query: DnsQuery, answer: DnsAnswer, transport: DnsTransport): Buffer {
  if (query.edns !== null && query.edns.version > 0) return encodeFailure(query, rcodes.badVersion);
  const alias = answer.canonicalLabels === null ? null : aliasRecord(query, answer.canonicalLabels);
  const owner = alias === null ? QUESTION_NAME : 0xc000 | (query.questionEnd + alias.nameAt);
  const records = [
    ...(alias === null ? [] : [alias.record]),
    ...answer.addresses.map((ip) => addressRecord(owner, ip)),
  ];
  const limit = limitOf(query, transport) - query.questionEnd - (query.edns === null ? 0 : OPT_BYTES);
  const fitting = takeBytes(records, limit);
  const head = headOf(query, rcodes.noError);
  head[2]! |= AUTHORITATIVE;
  if (transport === 'udp' && fitting.length < records.length) head[2]! |= TRUNCATED;
  head.writeUInt16BE(fitting.length, 6);
  return Buffer.concat([head, ...fitting, ...optOf(query, rcodes.noError)]);
}

/** An answer without records that repeats the question. */
export function encodeFailure(query: DnsQuery, rcode: number): Buffer {
  return Buffer.concat([headOf(query, rcode), ...optOf(query, rcode)]);
}

/** For a message whose question could not be read: the header only. It must have one. */
export function encodeRefusal(message: Buffer, rcode: number): Buffer {
  const answer = Buffer.alloc(HEADER_BYTES);
  message.copy(answer, 0, 0, 2);
  answer[2] = RESPONSE | (message[2]! & 0x79);
  answer[3] = rcode;
  return answer;
}

/** What the client takes over UDP: 512 bytes, or what it says if that is more. */
function limitOf({ edns }: DnsQuery, transport: DnsTransport): number {
  if (transport === 'tcp') return MAX_MESSAGE_BYTES;
  return Math.min(MAX_UDP_BYTES, Math.max(PLAIN_UDP_BYTES, edns?.payloadBytes ?? 0));
}

function headOf({ message, questionEnd, recursionDesired, edns }: DnsQuery, rcode: number): Buffer {
  const head = Buffer.alloc(questionEnd);
  message.copy(head, 0, 0, questionEnd);
  head[2] = RESPONSE | (recursionDesired ? 1 : 0);
  head[3] = RECURSION_AVAILABLE | (message[3]! & CHECKING_DISABLED) | (rcode & 15);
  head.fill(0, 6, HEADER_BYTES);
  head.writeUInt16BE(edns === null ? 0 : 1, 10);
  return head;
}

function optOf({ edns }: DnsQuery, rcode: number): readonly Buffer[] {
  if (edns === null) return [];
  const opt = Buffer.alloc(OPT_BYTES);
  opt.writeUInt16BE(TYPE_OPT, 1);
  opt.writeUInt16BE(Math.max(PLAIN_UDP_BYTES, edns.payloadBytes), 3);
  opt[5] = rcode >> 4;
  return [opt];
}

function recordHead(owner: number, type: number, dataBytes: number): Buffer {
  const head = Buffer.alloc(12);
  head.writeUInt16BE(owner, 0);
  head.writeUInt16BE(type, 2);
  head.writeUInt16BE(CLASS_IN, 4);
  head.writeUInt32BE(TTL_SECONDS, 6);
  head.writeUInt16BE(dataBytes, 10);
  return head;
}

function addressRecord(owner: number, ip: IpAddress): Buffer {
  return Buffer.concat([recordHead(owner, ip.family === 4 ? TYPE_A : TYPE_AAAA, ip.bytes.length), ip.bytes]);
}

/** The alias, spelled as the client did; `nameAt`: where in the record the real name is. */
function aliasRecord({ message }: DnsQuery, labels: number): { readonly record: Buffer; readonly nameAt: number } {
  let end = HEADER_BYTES;
  for (let i = 0; i < labels; i++) end += 1 + message[end]!;
  const name = Buffer.concat([message.subarray(HEADER_BYTES, end), Buffer.alloc(1)]);
  const head = recordHead(QUESTION_NAME, TYPE_CNAME, name.length);
  return { record: Buffer.concat([head, name]), nameAt: head.length };
}

function takeBytes(records: readonly Buffer[], limit: number): readonly Buffer[] {
  let total = 0;
  const count = records.findIndex((record) => (total += record.length) > limit);
  return count < 0 ? records : records.slice(0, count);
}
