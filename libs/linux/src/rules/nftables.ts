import { assertNever } from '@weft/result';
import { CONNECTION_MARK, MARK_MASK, PACKET_MARK } from './marks.js';
import type { Action, Family, Hook, Match, PodRule, Table } from './pod-rules.js';

const hex = (value: number): string => `0x${value.toString(16)}`;
const TABLES: readonly Table[] = ['raw', 'mangle', 'nat'];
const CHAIN: Readonly<Record<Hook, string>> = { prerouting: 'istio-prerouting', output: 'istio-output' };
const PRIORITY: Readonly<Record<Table, number>> = { raw: -300, mangle: -150, nat: -100 };

const podTable = (table: Table): string => `istio-ambient-${table}`;

/** Input for `nft -f -`: each of our tables emptied and filled again, all families, in one transaction. */
export function nftablesInput(rulesByFamily: ReadonlyMap<Family, readonly PodRule[]>): string {
  const lines: string[] = [];
  for (const table of TABLES) {
    const entries = [...rulesByFamily].flatMap(([family, rules]) =>
      rules.filter((rule) => rule.table === table).map((rule) => ({ family, rule })),
    );
    if (entries.length === 0) continue;
    const name = podTable(table);
    lines.push(`add table inet ${name}`, `flush table inet ${name}`);
    for (const hook of ['prerouting', 'output'] as const) {
      lines.push(
        `add chain inet ${name} ${CHAIN[hook]}`,
        `add chain inet ${name} ${hook} { ${baseChain(table, hook)} }`,
      );
      lines.push(`add rule inet ${name} ${hook} jump ${CHAIN[hook]}`);
    }
    for (const { family, rule } of entries) {
      const words = [
        ...matchWords(rule.match, family),
        'counter',
        ...actionWords(rule.action),
        `comment "${rule.purpose}"`,
      ];
      lines.push(`add rule inet ${name} ${CHAIN[rule.hook]} ${words.join(' ')}`);
    }
  }
  return lines.concat('').join('\n');
}

/** Removes our tables; adding each first keeps the transaction from failing on one that is not there. */
export function nftablesRemovalInput(): string {
  return TABLES.flatMap((table) => [`add table inet ${podTable(table)}`, `delete table inet ${podTable(table)}`])
    .concat('')
    .join('\n');
}

/** Whether `nft list ruleset` output shows every rule in its chain and both hooks in place. */
export function nftablesHolds(listed: string, rulesByFamily: ReadonlyMap<Family, readonly PodRule[]>): boolean {
  const all = [...rulesByFamily.values()].flat();
  return TABLES.every((table) => {
    const want = all.filter((rule) => rule.table === table).length;
    if (want === 0) return true;
    const start = listed.indexOf(`table inet ${podTable(table)} {`);
    const body = start < 0 ? '' : listed.slice(start, listed.indexOf('\n}', start));
    return (body.match(/\bcounter\b/g) ?? []).length === want && (body.match(/\bjump istio-/g) ?? []).length === 2;
  });
}

function baseChain(table: Table, hook: Hook): string {
  const type = table === 'nat' ? 'nat' : table === 'mangle' && hook === 'output' ? 'route' : 'filter';
  return `type ${type} hook ${hook} priority ${PRIORITY[table]} ; policy accept ;`;
}

function matchWords(match: Match, family: Family): readonly string[] {
  const ip = family === 4 ? 'ip' : 'ip6';
  const words: string[] = [`meta nfproto ipv${family}`];
  const is = (negate: boolean): string => (negate ? '!= ' : '');
  if (match.inInterface !== undefined) words.push(`iifname "${match.inInterface}"`);
  if (match.outInterface !== undefined)
    words.push(`oifname ${is(match.outInterface.negate)}"${match.outInterface.name}"`);
  if (match.source !== undefined) words.push(`${ip} saddr ${match.source}`);
  if (match.destination !== undefined)
    words.push(`${ip} daddr ${is(match.destination.negate)}${match.destination.cidr}`);
  if (match.protocol !== undefined) words.push(`meta l4proto ${match.protocol}`);
  const port = match.protocol ?? 'tcp';
  if (match.sourcePort !== undefined) words.push(`${port} sport ${match.sourcePort}`);
  if (match.destinationPort !== undefined)
    words.push(`${port} dport ${is(match.destinationPort.negate)}${match.destinationPort.port}`);
  if (match.opening) words.push('tcp flags & (fin | syn | rst | ack) == syn');
  if (match.packetMark !== undefined) {
    const mark = match.packetMark === 'connection' ? CONNECTION_MARK : PACKET_MARK;
    words.push(`meta mark & ${hex(MARK_MASK)} ${match.packetMark === 'not-ztunnel' ? '!=' : '=='} ${hex(mark)}`);
  }
  if (match.fromOpener) words.push('ct direction original');
  if (match.connectionMark) words.push(`ct mark & ${hex(MARK_MASK)} == ${hex(CONNECTION_MARK)}`);
  return words;
}

function actionWords(action: Action): readonly string[] {
  switch (action.kind) {
    case 'accept':
    case 'return':
      return [action.kind];
    case 'redirect':
      return [`redirect to :${action.port}`];
    case 'conntrack-zone':
      return [`ct zone set ${action.zone}`];
    case 'set-connection-mark':
      return [`ct mark set ct mark & ${hex(0xffff_ffff - MARK_MASK)} | ${hex(CONNECTION_MARK)}`];
    case 'restore-connection-mark':
      return ['meta mark set ct mark'];
    default:
      return assertNever(action);
  }
}
