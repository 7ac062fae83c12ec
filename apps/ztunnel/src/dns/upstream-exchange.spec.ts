import * as dnsPacket from 'dns-packet';
import { parseIp } from '@weft/ip';
import { FakeClock } from '@weft/testing-fixtures';
import { parseMessage } from './dns-message.js';
import { UpstreamExchange, type UpstreamHandlers } from './upstream-exchange.js';

const ID = 4711;
const OWN_ID = 99;
const message = dnsPacket.encode({
  type: 'query',
  id: ID,
  questions: [{ type: 'A', name: 'a.example.org', class: 'IN' }],
});
const answerOf = (query: Buffer, rcode = 0, name = 'a.example.org') => {
  const answer = dnsPacket.encode({
    type: 'response',
    id: query.readUInt16BE(0),
    flags: rcode,
    questions: [{ type: 'A', name, class: 'IN' }],
    answers: rcode === 0 ? [{ type: 'A', name, ttl: 5, data: '192.0.2.1' }] : [],
  });
  return answer;
};

/** An exchange with nameservers that a test speaks for. */
function rig(servers: readonly string[], unreachable: readonly string[] = []) {
  const clock = new FakeClock();
  const asked: { server: string; query: Buffer; handlers: UpstreamHandlers; closed: boolean }[] = [];
  const outcomes: ({ answer: Buffer } | { failure: string })[] = [];
  const parsed = parseMessage(message);
  if (parsed.kind !== 'query') throw new Error('not a query');
  const exchange = new UpstreamExchange({
    servers: servers.map((text) => parseIp(text)!),
    transport: 'udp',
    query: message,
    questionEnd: parsed.query.questionEnd,
    connect: (ip, _transport, handlers) => {
      if (unreachable.includes(ip.text)) throw new Error('ENETUNREACH');
      const one: (typeof asked)[0] = { server: ip.text, query: message, handlers, closed: false };
      asked.push(one);
      return { send: (query) => (one.query = query), close: () => (one.closed = true) };
    },
    clock,
    randomId: () => OWN_ID,
    done: (outcome) => outcomes.push(outcome),
  });
  exchange.start();
  return { clock, asked, outcomes, exchange, servers: () => asked.map(({ server }) => server) };
}

describe('UpstreamExchange', () => {
  it('asks with an id of its own and gives the answer with that of the client, otherwise untouched', () => {
    const { asked, outcomes, clock } = rig(['10.0.0.1', '10.0.0.2']);
    const [first] = asked;
    expect(first!.query.readUInt16BE(0)).toBe(OWN_ID);
    expect(first!.query.subarray(2).equals(message.subarray(2))).toBe(true);
    first!.handlers.message(answerOf(first!.query));
    expect(outcomes).toEqual([{ answer: answerOf(message) }]);
    expect([asked.length, first!.closed, clock.pendingTimers]).toEqual([1, true, 0]);
  });

  it('does not look at what answers another question', async () => {
    const { asked, outcomes, clock } = rig(['10.0.0.1']);
    const [{ handlers, query }] = asked as [(typeof asked)[0]];
    handlers.message(answerOf(message));
    handlers.message(answerOf(query, 0, 'b.example.org'));
    handlers.message(Buffer.from('junk'));
    expect(outcomes).toEqual([]);
    await clock.advance(4500);
    expect(outcomes).toEqual([{ failure: 'no answer within 4500 ms' }]);
  });

  it.each([
    [2, 'SERVFAIL'],
    [4, 'NOTIMP'],
    [5, 'REFUSED'],
  ])('rcode %i (%s): asks the next; the last one that said so is passed on', (rcode) => {
    const { asked, outcomes, servers } = rig(['10.0.0.1', '10.0.0.2']);
    asked[0]!.handlers.message(answerOf(asked[0]!.query, rcode));
    expect([servers(), outcomes]).toEqual([['10.0.0.1', '10.0.0.2'], []]);
    asked[1]!.handlers.message(answerOf(asked[1]!.query, rcode));
    expect(outcomes).toEqual([{ answer: answerOf(message, rcode) }]);
  });

  it('NXDOMAIN is an answer', () => {
    const { asked, outcomes } = rig(['10.0.0.1', '10.0.0.2']);
    asked[0]!.handlers.message(answerOf(asked[0]!.query, 3));
    expect([asked.length, outcomes]).toEqual([1, [{ answer: answerOf(message, 3) }]]);
  });

  it('silence of 1.5 s: asks the next, and still takes the answer of the first', async () => {
    const { asked, outcomes, servers, clock } = rig(['10.0.0.1', '10.0.0.2', '10.0.0.3']);
    await clock.advance(1499);
    expect(servers()).toEqual(['10.0.0.1']);
    await clock.advance(1);
    expect(servers()).toEqual(['10.0.0.1', '10.0.0.2']);
    asked[0]!.handlers.message(answerOf(asked[0]!.query));
    expect(outcomes).toEqual([{ answer: answerOf(message) }]);
    expect(asked.every(({ closed }) => closed)).toBe(true);
  });

  it('a nameserver that fails counts once, whatever it says afterwards', () => {
    const { asked, outcomes, servers } = rig(['10.0.0.1', '10.0.0.2']);
    asked[0]!.handlers.failed('ECONNREFUSED');
    asked[0]!.handlers.failed('closed');
    expect([servers(), outcomes]).toEqual([['10.0.0.1', '10.0.0.2'], []]);
    asked[1]!.handlers.failed('ECONNREFUSED');
    expect(outcomes).toEqual([{ failure: '10.0.0.2: ECONNREFUSED' }]);
  });

  it('skips what cannot be reached; nothing left: a failure at once', () => {
    expect(rig(['10.0.0.1', '10.0.0.2'], ['10.0.0.1']).servers()).toEqual(['10.0.0.2']);
    expect(rig(['10.0.0.1'], ['10.0.0.1']).outcomes).toEqual([{ failure: '10.0.0.1: ENETUNREACH' }]);
    expect(rig([]).outcomes).toEqual([{ failure: 'no nameserver is configured' }]);
  });

  it('aborted: says nothing, leaves nothing', async () => {
    const { asked, outcomes, clock, exchange } = rig(['10.0.0.1', '10.0.0.2']);
    exchange.abort();
    asked[0]!.handlers.message(answerOf(asked[0]!.query));
    asked[0]!.handlers.failed('closed');
    await clock.advance(10_000);
    expect([asked.length, asked[0]!.closed, outcomes, clock.pendingTimers]).toEqual([1, true, [], 0]);
  });
});
