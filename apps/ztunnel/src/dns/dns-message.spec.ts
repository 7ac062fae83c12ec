import * as dnsPacket from 'dns-packet';
import * as fc from 'fast-check';
import { parseIp } from '@weft/ip';
import { isAnswerTo, parseMessage, type DnsQuery } from './dns-message.js';
import { encodeAnswer, encodeFailure, encodeRefusal } from './encode-answer.js';
import { frame, MessageFraming } from './message-framing.js';

const OPT = (udpPayloadSize: number, ednsVersion = 0) =>
  ({ type: 'OPT', name: '.', udpPayloadSize, ednsVersion, extendedRcode: 0, flags: 0, options: [] }) as never;
const encode = (name: string, fields: Partial<dnsPacket.Packet> = {}, type: dnsPacket.RecordType = 'A') =>
  dnsPacket.encode({
    type: 'query',
    id: 7,
    flags: dnsPacket.RECURSION_DESIRED,
    questions: [{ type, name, class: 'IN' }],
    ...fields,
  });
function query(message: Buffer): DnsQuery {
  const parsed = parseMessage(message);
  if (parsed.kind !== 'query') throw new Error(`not a query: ${parsed.kind}`);
  return parsed.query;
}
const ips = (count: number) => Array.from({ length: count }, (_, i) => parseIp(`240.0.${i >> 8}.${i & 255}`)!);

describe('parseMessage', () => {
  it('reads the question; the name in lower case', () =>
    expect(query(encode('WwW.Example.com', {}, 'AAAA'))).toMatchObject({
      labels: ['www', 'example', 'com'],
      type: 28,
      class: 1,
      recursionDesired: true,
      edns: null,
    }));

  it('reads EDNS', () =>
    expect(query(encode('a.b', { additionals: [OPT(1232)] })).edns).toEqual({ payloadBytes: 1232, version: 0 }));

  it.each([
    ['no header', Buffer.alloc(11), 'noise'],
    ['a response: FORMERR', encode('a.b', { type: 'response' }), 1],
    ['another opcode: NOTIMP', withByte(encode('a.b'), 2, 0x28), 4],
    ['no question: FORMERR', encode('a.b', { questions: [] }), 1],
    ['two questions: FORMERR', encode('a.b', { questions: [q('a.b'), q('c.d')] }), 1],
    ['a question cut off: FORMERR', encode('a.b').subarray(0, -1), 1],
    ['a compressed name in the question: FORMERR', withByte(encode('a.b'), 12, 0xc0), 1],
    ['records that are not there: FORMERR', withByte(encode('a.b'), 11, 1), 1],
    ['two OPT records: FORMERR', encode('a.b', { additionals: [OPT(512), OPT(512)] }), 1],
  ])('%s', (_rule, message, want) => {
    const parsed = parseMessage(message);
    expect(parsed.kind === 'refused' ? parsed.rcode : parsed.kind).toBe(want);
  });

  it('a name with bytes that no host has is for the upstream', () =>
    expect(query(withByte(encode('ab.c'), 13, 0x2e)).labels).toBeNull());

  it('a name longer than 255 bytes is malformed', () => {
    const label = 'x'.repeat(63);
    expect(parseMessage(encode(`${label}.${label}.${label}.${'x'.repeat(61)}`)).kind).toBe('query');
    expect(parseMessage(encode(`${label}.${label}.${label}.${label}`)).kind).toBe('refused');
  });
});

describe('encodeAnswer', () => {
  it('addresses with TTL 30, authoritative, recursion available, name as it was spelled', () => {
    const answer = dnsPacket.decode(
      encodeAnswer(query(encode('Web.Example.com')), { canonicalLabels: null, addresses: ips(2) }, 'udp'),
    );
    expect(answer).toMatchObject({
      id: 7,
      type: 'response',
      flag_aa: true,
      flag_ra: true,
      flag_rd: true,
      flag_tc: false,
      rcode: 'NOERROR',
      questions: [{ name: 'Web.Example.com', type: 'A' }],
      answers: [
        { name: 'Web.Example.com', type: 'A', ttl: 30, data: '240.0.0.0' },
        { name: 'Web.Example.com', type: 'A', ttl: 30, data: '240.0.0.1' },
      ],
      additionals: [],
    });
  });

  it('an alias first, then the addresses of the real name', () =>
    expect(
      dnsPacket.decode(
        encodeAnswer(
          query(encode('www.example.com.ns1.svc.cluster.local', {}, 'AAAA')),
          { canonicalLabels: 3, addresses: [parseIp('2001:db8::1')!] },
          'udp',
        ),
      ).answers,
    ).toMatchObject([
      { name: 'www.example.com.ns1.svc.cluster.local', type: 'CNAME', data: 'www.example.com' },
      { name: 'www.example.com', type: 'AAAA', data: '2001:db8::1' },
    ]));

  it.each([
    ['512 bytes over UDP', undefined, 'udp', 512, true],
    ['what the client takes', 1232, 'udp', 1232, true],
    ['never less than 512', 100, 'udp', 512, true],
    ['everything if the client takes it', 4500, 'udp', 4500, false],
    ['everything over TCP', undefined, 'tcp', 65_535, false],
  ] as const)('%s, and says so', (_rule, payload, transport, limit, truncated) => {
    const asked = query(encode('large.com', payload === undefined ? {} : { additionals: [OPT(payload)] }));
    const bytes = encodeAnswer(asked, { canonicalLabels: null, addresses: ips(256) }, transport);
    const answer = dnsPacket.decode(bytes);
    expect(bytes.length).toBeLessThanOrEqual(limit);
    expect(bytes.length).toBeGreaterThan(Math.min(limit, 4000) - 16);
    expect([answer.flag_tc, answer.answers!.length === 256]).toEqual([truncated, !truncated]);
    expect(answer.additionals).toMatchObject(
      payload === undefined ? [] : [{ type: 'OPT', udpPayloadSize: Math.max(512, payload) }],
    );
  });

  it('EDNS of a version to come: BADVERS', () => {
    const asked = query(encode('a.b', { additionals: [OPT(1232, 1)] }));
    const answer = encodeAnswer(asked, { canonicalLabels: null, addresses: ips(1) }, 'udp');
    expect(dnsPacket.decode(answer)).toMatchObject({ answers: [], additionals: [{ extendedRcode: 1 }] });
  });

  it('TCP: as many as there is room for', () => {
    const bytes = encodeAnswer(query(encode('a.b')), { canonicalLabels: null, addresses: ips(5000) }, 'tcp');
    expect([bytes.length <= 65_535, dnsPacket.decode(bytes).flag_tc]).toEqual([true, false]);
  });
});

describe('isAnswerTo', () => {
  const asked = encode('www.example.com');
  const { questionEnd } = query(asked);
  const reply = (name: string, fields: Partial<dnsPacket.Packet> = {}, type: dnsPacket.RecordType = 'A') =>
    encode(name, { type: 'response', ...fields }, type);
  it.each([
    ['the same question', reply('www.example.com'), true],
    ['in other letters', reply('WWW.example.COM'), true],
    ['another id', reply('www.example.com', { id: 8 }), false],
    ['another name', reply('www.example.org'), false],
    ['another type', reply('www.example.com', {}, 'AAAA'), false],
    ['a query', asked, false],
    ['no header', Buffer.alloc(4), false],
    ['a failure without the question', encodeRefusal(asked, 1), true],
    ['no failure and no question', encodeRefusal(asked, 0), false],
    ['two questions', reply('x', { questions: [q('www.example.com'), q('a.b')] }), false],
  ])('%s: %#', (_rule, message, want) => expect(isAnswerTo(message, asked, questionEnd)).toBe(want));
});

describe('properties', () => {
  const label = fc.stringMatching(/^[a-z0-9_-]{1,20}$/);
  const name = fc.array(label, { minLength: 1, maxLength: 6 }).map((labels) => labels.join('.'));
  /** A real query with some bytes changed and some cut off. */
  const damaged = fc
    .tuple(name, fc.array(fc.tuple(fc.nat(200), fc.nat(255)), { maxLength: 4 }), fc.nat(80))
    .map(([host, changes, cut]) => {
      const message = encode(host, { additionals: [OPT(1232)] });
      for (const [at, value] of changes) if (at < message.length) message[at] = value;
      return message.subarray(0, Math.max(0, message.length - (cut > 40 ? cut - 40 : 0)));
    });

  it('malformed messages never throw, and what is answered is the question', () => {
    const messages = fc.oneof(
      fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
      damaged,
    );
    fc.assert(
      fc.property(messages, (message) => {
        const parsed = parseMessage(message);
        if (parsed.kind === 'noise') return;
        if (parsed.kind === 'refused') {
          expect(encodeRefusal(message, parsed.rcode)).toHaveLength(12);
          return;
        }
        const { query: asked } = parsed;
        const labels = asked.labels?.length ?? 0;
        for (const answer of [
          encodeFailure(asked, 2),
          encodeAnswer(asked, { canonicalLabels: null, addresses: ips(3) }, 'udp'),
          encodeAnswer(asked, { canonicalLabels: labels > 1 ? 1 : null, addresses: ips(60) }, 'udp'),
        ]) {
          expect(answer.compare(message, 12, asked.questionEnd, 12, asked.questionEnd)).toBe(0);
          expect(isAnswerTo(answer, message, asked.questionEnd) || asked.edns?.version !== 0).toBe(true);
        }
      }),
      { numRuns: 500 },
    );
  });

  it('never an answer for another question', () => {
    const types = fc.constantFrom<dnsPacket.RecordType>('A', 'AAAA', 'SRV', 'TXT');
    fc.assert(
      fc.property(name, types, fc.nat(3), name, types, fc.nat(3), (a, typeA, idA, b, typeB, idB) => {
        const asked = encode(a, { id: idA }, typeA);
        const answer = encode(b, { id: idB, type: 'response' }, typeB);
        expect(isAnswerTo(answer, asked, query(asked).questionEnd)).toBe(a === b && typeA === typeB && idA === idB);
      }),
    );
  });

  it('any bytes are judged without throwing', () =>
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        const asked = encode('www.example.com');
        expect(typeof isAnswerTo(Buffer.from(bytes), asked, query(asked).questionEnd)).toBe('boolean');
      }),
    ));

  it('framing gives back the messages, however the stream is cut', () =>
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ maxLength: 40 })),
        fc.array(fc.integer({ min: 1, max: 30 })),
        (all, cuts) => {
          const messages = all.map((bytes) => Buffer.from(bytes));
          const stream = Buffer.concat(messages.map(frame));
          const framing = new MessageFraming();
          const out: Buffer[] = [];
          let at = 0;
          for (const cut of [...cuts, stream.length]) {
            out.push(...framing.push(stream.subarray(at, at + cut)));
            at += cut;
          }
          expect(out).toEqual(messages);
        },
      ),
    ));
});

function q(name: string): dnsPacket.Question {
  return { type: 'A', name, class: 'IN' };
}

function withByte(message: Buffer, at: number, value: number): Buffer {
  const changed = Buffer.from(message);
  changed[at] = value;
  return changed;
}
