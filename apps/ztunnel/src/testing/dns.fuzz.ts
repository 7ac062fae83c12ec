import { parseIp } from '@weft/ip';
import type { FuzzTarget } from '@weft/testing-fuzz';
import { HEADER_BYTES, isAnswerTo, isResponse, parseMessage } from '../dns/dns-message.js';
import { encodeAnswer, encodeFailure, encodeRefusal } from '../dns/encode-answer.js';
import { frame, MessageFraming } from '../dns/message-framing.js';

const query = (name: string, type: number, tail = ''): Buffer => {
  const head = Buffer.from('123401000001000000000000', 'hex');
  if (tail !== '') head.writeUInt16BE(1, 10);
  const labels = name.split('.').map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label)]));
  return Buffer.concat([head, ...labels, Buffer.from([0, type >> 8, type & 255, 0, 1]), Buffer.from(tail, 'hex')]);
};
const EDNS = '00002904d0000000000000';

/** A message from a pod, over UDP as it is and over TCP in pieces; and what we would answer. */
export const dnsFuzz: FuzzTarget = {
  name: 'dns',
  maxBytes: 1500,
  seeds: () => [
    query('web.shop.svc.cluster.local', 1),
    query('web', 28, EDNS),
    query('_http._tcp.web.shop', 33),
    query('a'.repeat(63), 255),
    frame(query('two', 1)),
    Buffer.concat([frame(query('one', 1)), frame(query('two', 28))]),
  ],
  words: [EDNS, 'c00c', '00', '3f', 'ff', '0001', 'ffff', '8180'].map((hex) => Buffer.from(hex, 'hex')),
  run: (input) => {
    const outcome = judge(input);
    const framing = new MessageFraming();
    let bytes = 0;
    for (let at = 0; at < input.length; at += 7) {
      for (const message of framing.push(input.subarray(at, at + 7))) {
        bytes += message.length + 2;
        judge(message);
      }
    }
    if (bytes > input.length) throw new Error('more came out of the stream than went in');
    return `${outcome}; ${bytes > 0 ? 'framed' : 'not framed'}`;
  },
};

function judge(message: Buffer): string {
  const parsed = parseMessage(message);
  if (parsed.kind === 'noise') return 'noise';
  if (parsed.kind === 'refused') {
    const refusal = encodeRefusal(message, parsed.rcode);
    if (refusal.length !== HEADER_BYTES || !isResponse(refusal)) throw new Error('a refusal that is none');
    return `refused ${parsed.rcode}`;
  }
  const asked = parsed.query;
  const addresses = ['10.0.0.1', '10.0.0.2'].map((text) => parseIp(text)!);
  for (const transport of ['udp', 'tcp'] as const) {
    const answer = encodeAnswer(asked, { canonicalLabels: null, addresses }, transport);
    if (!isAnswerTo(answer, message, asked.questionEnd)) throw new Error('our answer does not fit the question');
  }
  if (!isAnswerTo(encodeFailure(asked, 2), message, asked.questionEnd)) throw new Error('our failure does not fit');
  const labels = asked.labels === null ? 'no name of ours' : `${Math.min(6, asked.labels.length)} labels`;
  return `query ${labels} ${asked.edns === null ? '' : 'edns'}`;
}
