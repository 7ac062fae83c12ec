import * as dnsPacket from 'dns-packet';
import type { DnsRecord, Lookup } from './records.js';

export interface ResponderOptions {
  /** `name` in lower case, without trailing dot. */
  readonly lookup: (name: string) => Lookup;
  readonly domain: string;
  /** Of the SOA record; grows with changes. */
  readonly serial: () => number;
  readonly random: () => number;
}

const TTL_SECONDS = 30;
/** What fits into one UDP packet everywhere without fragments. */
const MAX_UDP_BYTES = 1232;
const PLAIN_UDP_BYTES = 512;
const MAX_CNAMES = 8;
/** Types that we know how to ask dns-packet for; all others have an empty answer. */
const ANY = 'ANY';

const RCODE = { formatError: 1, noName: 3, notImplemented: 4, refused: 5 } as const;

/**
 * Answers one DNS message. Never throws: null means that there is nothing to answer (no header, or itself an answer); what can
 * be identified but not understood gets FORMERR, NOTIMP or REFUSED.
 */
export class DnsResponder {
  constructor(private readonly options: ResponderOptions) {}

  respond(message: Buffer, transport: 'udp' | 'tcp'): Buffer | null {
    if (message.length < 12 || (message[2]! & 0x80) !== 0) return null;
    const opcode = (message[2]! >> 3) & 15;
    if (opcode !== 0) return refusal(message, RCODE.notImplemented);
    let query: dnsPacket.DecodedPacket;
    try {
      query = dnsPacket.decode(message);
    } catch {
      return refusal(message, RCODE.formatError);
    }
    const [question, ...others] = query.questions ?? [];
    if (question === undefined || others.length > 0 || (query.answers ?? []).length > 0)
      return refusal(message, RCODE.formatError);
    if (question.class !== undefined && question.class !== 'IN' && (question.class as string) !== 'ANY') {
      return refusal(message, RCODE.refused);
    }
    try {
      return this.#answer(query, question, transport);
    } catch {
      // A name that decodes but cannot be encoded again.
      return refusal(message, RCODE.formatError);
    }
  }

  #answer(query: dnsPacket.DecodedPacket, question: dnsPacket.Question, transport: 'udp' | 'tcp'): Buffer {
    const name = question.name.toLowerCase().replace(/\.$/, '');
    const { records, additional, exists, inZone } = this.#resolve(name, question.type);
    const answers = this.#shuffled(records).map((record) =>
      encodable(record, record.name === name ? question.name : record.name),
    );
    const isEmpty = answers.length === 0;
    const opt = query.additionals?.find((each) => each.type === 'OPT');
    const packet: dnsPacket.Packet = {
      type: 'response',
      id: query.id ?? 0,
      flags:
        ((query.flags ?? 0) & dnsPacket.RECURSION_DESIRED) |
        (inZone ? dnsPacket.AUTHORITATIVE_ANSWER : 0) |
        (exists ? 0 : RCODE.noName),
      questions: [question],
      answers,
      authorities: isEmpty && inZone ? [this.#soa()] : [],
      additionals: [
        ...additional.map((record) => encodable(record, record.name)),
        ...(opt === undefined ? [] : [OPT_RECORD]),
      ],
    };
    return fit(packet, transport === 'tcp' ? 65_535 : udpLimit(opt));
  }

  /** Follows CNAMEs inside the zone, a few of them. */
  #resolve(
    name: string,
    type: string,
  ): { records: DnsRecord[]; additional: readonly DnsRecord[]; exists: boolean; inZone: boolean } {
    const records: DnsRecord[] = [];
    let at = name;
    for (let hops = 0; hops < MAX_CNAMES; hops++) {
      const found = this.options.lookup(at);
      if (!found.found) return { records, additional: [], exists: hops > 0, inZone: hops > 0 || found.inZone };
      if (type === 'SOA' && at === this.options.domain)
        return { records: [], additional: [], exists: true, inZone: true };
      const alias = found.records.find((record) => record.type === 'CNAME');
      if (alias === undefined || type === 'CNAME' || type === ANY) {
        const wanted = found.records.filter((record) => record.type === type || type === ANY);
        const isSrv = wanted.some((record) => record.type === 'SRV');
        return {
          records: [...records, ...wanted],
          additional: isSrv ? (found.additional ?? []) : [],
          exists: true,
          inZone: true,
        };
      }
      records.push(alias);
      at = (alias as { target: string }).target;
    }
    return { records, additional: [], exists: true, inZone: true };
  }

  /** Clients take the first address, so the first must not always be the same. CNAMEs stay in front. */
  #shuffled(records: readonly DnsRecord[]): DnsRecord[] {
    const aliases = records.filter(({ type }) => type === 'CNAME');
    const rest = records.filter(({ type }) => type !== 'CNAME');
    const start = Math.floor(this.options.random() * rest.length);
    return [...aliases, ...rest.slice(start), ...rest.slice(0, start)];
  }

  #soa(): dnsPacket.Answer {
    const { domain } = this.options;
    const data = {
      mname: `ns.dns.${domain}`,
      rname: `hostmaster.${domain}`,
      serial: this.options.serial(),
      refresh: 7200,
      retry: 1800,
      expire: 86_400,
      minimum: TTL_SECONDS,
    };
    return { type: 'SOA', name: domain, ttl: TTL_SECONDS, data };
  }
}

const OPT_RECORD: dnsPacket.OptAnswer = {
  type: 'OPT',
  name: '.',
  udpPayloadSize: MAX_UDP_BYTES,
  extendedRcode: 0,
  ednsVersion: 0,
  flags: 0,
  flag_do: false,
  options: [],
} as unknown as dnsPacket.OptAnswer;

function udpLimit(opt: dnsPacket.Answer | undefined): number {
  if (opt === undefined) return PLAIN_UDP_BYTES;
  const { udpPayloadSize } = opt as unknown as { udpPayloadSize: number };
  return Math.min(MAX_UDP_BYTES, Math.max(PLAIN_UDP_BYTES, udpPayloadSize));
}

/** What does not fit is left out: first the courtesy records, then the answer, which the client then asks for over TCP. */
function fit(packet: dnsPacket.Packet, limit: number): Buffer {
  const whole = dnsPacket.encode(packet);
  if (whole.length <= limit) return whole;
  const additionals = packet.additionals?.filter(({ type }) => type === 'OPT') ?? [];
  const bare = dnsPacket.encode({ ...packet, additionals });
  if (bare.length <= limit) return bare;
  return dnsPacket.encode({
    ...packet,
    flags: (packet.flags ?? 0) | dnsPacket.TRUNCATED_RESPONSE,
    answers: [],
    additionals,
  });
}

function encodable(record: DnsRecord, name: string): dnsPacket.Answer {
  const common = { name, ttl: TTL_SECONDS, class: 'IN' as const };
  switch (record.type) {
    case 'A':
    case 'AAAA':
      return { ...common, type: record.type, data: record.address };
    case 'SRV':
      return {
        ...common,
        type: 'SRV',
        data: { priority: 0, weight: record.weight, port: record.port, target: record.target },
      };
    case 'TXT':
      return { ...common, type: 'TXT', data: record.text };
    default:
      return { ...common, type: record.type, data: record.target };
  }
}

/** Header only: the question may be what could not be read. */
function refusal(message: Buffer, rcode: number): Buffer {
  const answer = Buffer.alloc(12);
  message.copy(answer, 0, 0, 2);
  answer[2] = 0x80 | (message[2]! & 0x79);
  answer[3] = rcode;
  return answer;
}
