import * as dnsPacket from 'dns-packet';
import fc from 'fast-check';
import { DnsResponder } from './dns-responder.js';
import type { Lookup } from './records.js';

const A = (name: string, count: number): Lookup => ({
  found: true,
  records: Array.from({ length: count }, (_, i) => ({
    type: 'A' as const,
    name,
    address: `10.0.${i >> 8}.${i & 255}`,
  })),
});
const lookup = (name: string): Lookup => {
  if (name === 'web.cluster.local') return A(name, 2);
  if (name === 'many.cluster.local') return A(name, 100);
  if (name === 'alias.cluster.local')
    return { found: true, records: [{ type: 'CNAME', name, target: 'web.cluster.local' }] };
  if (name === 'loop.cluster.local') return { found: true, records: [{ type: 'CNAME', name, target: name }] };
  if (name === 'away.cluster.local') return { found: true, records: [{ type: 'CNAME', name, target: 'example.com' }] };
  return { found: false, inZone: name.endsWith('cluster.local') };
};
const responder = new DnsResponder({ lookup, domain: 'cluster.local', serial: () => 7, random: () => 0 });

function ask(name: string, type: string, options: { transport?: 'udp' | 'tcp'; edns?: number } = {}) {
  const additionals =
    options.edns === undefined ? [] : [{ type: 'OPT', name: '.', udpPayloadSize: options.edns, flags: 0, options: [] }];
  const query = dnsPacket.encode({
    type: 'query',
    id: 4711,
    flags: dnsPacket.RECURSION_DESIRED,
    questions: [{ type: type as 'A', name }],
    additionals: additionals as unknown as dnsPacket.Answer[],
  });
  const bytes = responder.respond(query, options.transport ?? 'udp')!;
  return { bytes, ...dnsPacket.decode(bytes) } as dnsPacket.DecodedPacket & { bytes: Buffer; rcode: string };
}
const data = (answers: dnsPacket.Answer[] | undefined) => answers?.map((answer) => (answer as { data: unknown }).data);

describe('DnsResponder', () => {
  it('answers with TTL 30, the question as it was asked, and the authority of the zone', () => {
    const answer = ask('WEB.Cluster.local', 'A');
    expect(answer.id).toBe(4711);
    expect(answer.rcode).toBe('NOERROR');
    expect(answer.flag_aa).toBe(true);
    expect(answer.flag_rd).toBe(true);
    expect(answer.questions?.[0]?.name).toBe('WEB.Cluster.local');
    expect(data(answer.answers)).toEqual(['10.0.0.0', '10.0.0.1']);
    expect(answer.answers?.every((each) => (each as { ttl: number }).ttl === 30)).toBe(true);
  });

  it('a name without records of that type has an empty answer with SOA, not NXDOMAIN', () => {
    const answer = ask('web.cluster.local', 'AAAA');
    expect(answer.rcode).toBe('NOERROR');
    expect(answer.answers).toEqual([]);
    expect(answer.authorities?.[0]).toMatchObject({
      type: 'SOA',
      name: 'cluster.local',
      data: { minimum: 30, serial: 7 },
    });
  });

  it('an unknown name of the zone is NXDOMAIN with SOA; any other name is NXDOMAIN without', () => {
    expect(ask('nope.cluster.local', 'A')).toMatchObject({ rcode: 'NXDOMAIN', authorities: [{ type: 'SOA' }] });
    expect(ask('example.com', 'A')).toMatchObject({ rcode: 'NXDOMAIN', authorities: [] });
  });

  it('follows a CNAME inside the zone and leaves one that points outside', () => {
    expect(data(ask('alias.cluster.local', 'A').answers)).toEqual(['web.cluster.local', '10.0.0.0', '10.0.0.1']);
    expect(ask('away.cluster.local', 'A')).toMatchObject({
      rcode: 'NOERROR',
      answers: [{ type: 'CNAME', data: 'example.com' }],
    });
    expect(ask('loop.cluster.local', 'A').answers?.length).toBeLessThan(10);
  });

  it('what does not fit is truncated over UDP and whole over TCP', () => {
    const udp = ask('many.cluster.local', 'A');
    expect(udp.flag_tc).toBe(true);
    expect(udp.bytes.length).toBeLessThanOrEqual(512);
    expect(ask('many.cluster.local', 'A', { edns: 4096 }).bytes.length).toBeLessThanOrEqual(1232);
    const tcp = ask('many.cluster.local', 'A', { transport: 'tcp' });
    expect(tcp.flag_tc).toBe(false);
    expect(tcp.answers).toHaveLength(100);
  });

  it('EDNS is answered with EDNS', () => {
    expect(ask('web.cluster.local', 'A', { edns: 4096 }).additionals?.[0]).toMatchObject({
      type: 'OPT',
      udpPayloadSize: 1232,
    });
    expect(ask('web.cluster.local', 'A').additionals).toEqual([]);
  });

  it('refuses other operations and messages that it cannot read, and never answers an answer', () => {
    const query = dnsPacket.encode({ type: 'query', id: 1, questions: [{ type: 'A', name: 'web.cluster.local' }] });
    const notify = Buffer.from(query);
    notify[2] = 4 << 3;
    expect(responder.respond(notify, 'udp')?.[3]).toBe(4);
    expect(responder.respond(query.subarray(0, 20), 'udp')?.[3]).toBe(1);
    expect(responder.respond(query.subarray(0, 11), 'udp')).toBeNull();
    const response = Buffer.from(query);
    response[2] = 0x80;
    expect(responder.respond(response, 'udp')).toBeNull();
    const chaos = dnsPacket.encode({
      type: 'query',
      id: 1,
      questions: [{ type: 'TXT', name: 'version.bind', class: 'CH' }],
    });
    expect(responder.respond(chaos, 'udp')?.[3]).toBe(5);
  });

  describe('properties', () => {
    const isAnswer = (answer: Buffer | null, message: Uint8Array): void => {
      if (answer === null) return;
      expect(answer[0]).toBe(message[0]);
      expect(answer[1]).toBe(message[1]);
      expect(answer[2]! & 0x80).toBe(0x80);
      dnsPacket.decode(answer);
    };
    it('never throws, whatever comes', () => {
      fc.assert(
        fc.property(fc.uint8Array({ maxLength: 600 }), (bytes) =>
          isAnswer(responder.respond(Buffer.from(bytes), 'udp'), bytes),
        ),
      );
    });
    it('never throws on a query that was damaged', () => {
      const query = dnsPacket.encode({
        type: 'query',
        id: 1,
        questions: [{ type: 'SRV', name: '_http._tcp.web.cluster.local' }],
      });
      fc.assert(
        fc.property(
          fc.array(fc.tuple(fc.nat(query.length - 1), fc.nat(255)), { minLength: 1, maxLength: 8 }),
          fc.nat(query.length),
          (damage, length) => {
            const bytes = Buffer.from(query);
            for (const [at, value] of damage) bytes[at] = value;
            isAnswer(responder.respond(bytes.subarray(0, length), 'tcp'), bytes);
          },
        ),
        { numRuns: 500 },
      );
    });
    it('any name gets an answer with its id', () => {
      const label = fc.stringMatching(/^[a-z0-9_-]{1,20}$/);
      fc.assert(
        fc.property(
          fc.array(label, { minLength: 1, maxLength: 6 }),
          fc.constantFrom('A', 'AAAA', 'SRV', 'PTR', 'TXT', 'MX', 'NS', 'SOA', 'ANY', 'HTTPS'),
          (labels, type) => {
            let query: Buffer;
            try {
              query = dnsPacket.encode({
                type: 'query',
                id: 99,
                questions: [{ type: type as 'A', name: labels.join('.') }],
              });
            } catch {
              return;
            }
            expect(dnsPacket.decode(responder.respond(query, 'udp')!).id).toBe(99);
          },
        ),
      );
    });
  });
});
