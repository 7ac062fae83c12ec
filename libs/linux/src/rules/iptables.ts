import { assertNever } from '@weft/result';
import { CONNECTION_MARK, MARK_MASK, PACKET_MARK } from './marks.js';
import type { Action, Hook, Match, PodRule, Table } from './pod-rules.js';

const hex = (value: number): string => `0x${value.toString(16)}`;
const CHAINS: Readonly<Record<Hook, string>> = { prerouting: 'ISTIO_PRERT', output: 'ISTIO_OUTPUT' };
const TABLES: readonly Table[] = ['raw', 'mangle', 'nat'];

/**
 * Input for `iptables-restore --noflush`: our own chains emptied and filled, and, where `jumps` is set, the built-in chains
 * made to jump there. Each table is replaced in one transaction, so no packet meets half of the rules.
 */
export function iptablesRestoreInput(rules: readonly PodRule[], { jumps }: { readonly jumps: boolean }): string {
  return TABLES.flatMap((table) => {
    const own = rules.filter((rule) => rule.table === table);
    if (own.length === 0) return [];
    const hooks: readonly Hook[] = ['prerouting', 'output'];
    return [
      `*${table}`,
      ...hooks.map((hook) => `:${CHAINS[hook]} - [0:0]`),
      ...(jumps ? hooks.map((hook) => `-A ${hook.toUpperCase()} -j ${CHAINS[hook]}`) : []),
      ...own.map(
        (rule) =>
          `-A ${CHAINS[rule.hook]} ${[...matchArguments(rule.match), ...actionArguments(rule.action)].join(' ')}`,
      ),
      'COMMIT',
    ];
  })
    .concat('')
    .join('\n');
}

/** Input for `iptables-restore --noflush` that removes what `saved` (from `iptables-save`) still holds of ours. */
export function iptablesRemovalInput(saved: string): string {
  const lines: string[] = [];
  for (const { table, chains, jumps } of ownState(saved)) {
    lines.push(`*${table}`, ...jumps.map((jump) => jump.replace(/^-A/, '-D')), ...chains.map((chain) => `-F ${chain}`));
    lines.push(...chains.map((chain) => `-X ${chain}`), 'COMMIT');
  }
  return lines.length === 0 ? '' : lines.concat('').join('\n');
}

/** Whether `iptables-save` output shows every rule's chain filled and hooked: what must hold before a pod may talk. */
export function iptablesHolds(saved: string, rules: readonly PodRule[]): boolean {
  const state = new Map(ownState(saved).map((entry) => [entry.table, entry]));
  return TABLES.every((table) => {
    const own = rules.filter((rule) => rule.table === table);
    const held = state.get(table);
    if (own.length === 0) return true;
    return held !== undefined && held.jumps.length === 2 && held.rules === own.length;
  });
}

interface OwnState {
  readonly table: Table;
  readonly chains: string[];
  /** Lines such as `-A OUTPUT -j ISTIO_OUTPUT`. */
  readonly jumps: string[];
  rules: number;
}

function ownState(saved: string): readonly OwnState[] {
  const states: OwnState[] = [];
  let current: OwnState | undefined;
  for (const line of saved.split('\n')) {
    const table = TABLES.find((name) => line === `*${name}`);
    if (line.startsWith('*')) current = table && { table, chains: [], jumps: [], rules: 0 };
    else if (line === 'COMMIT') {
      if (current !== undefined && current.chains.length + current.jumps.length > 0) states.push(current);
      current = undefined;
    } else if (current !== undefined) {
      if (/^:ISTIO_\S+ /.test(line)) current.chains.push(line.slice(1, line.indexOf(' ')));
      else if (line.startsWith('-A ISTIO_')) current.rules++;
      else if (/^-A \S+ .*-j ISTIO_\S+$/.test(line)) current.jumps.push(line);
    }
  }
  return states;
}

function matchArguments(match: Match): readonly string[] {
  const args: string[] = [];
  const add = (negate: boolean, ...words: string[]): void => void args.push(...(negate ? ['!', ...words] : words));
  if (match.inInterface !== undefined) add(false, '-i', match.inInterface);
  if (match.outInterface !== undefined) add(match.outInterface.negate, '-o', match.outInterface.name);
  if (match.source !== undefined) add(false, '-s', match.source);
  if (match.destination !== undefined) add(match.destination.negate, '-d', match.destination.cidr);
  if (match.protocol !== undefined) add(false, '-p', match.protocol);
  if (match.sourcePort !== undefined) add(false, '--sport', String(match.sourcePort));
  if (match.destinationPort !== undefined)
    add(match.destinationPort.negate, '--dport', String(match.destinationPort.port));
  if (match.opening) add(false, '-m', 'tcp', '--syn');
  if (match.packetMark !== undefined) {
    const mark = match.packetMark === 'connection' ? CONNECTION_MARK : PACKET_MARK;
    args.push('-m', 'mark');
    add(match.packetMark === 'not-ztunnel', '--mark', `${hex(mark)}/${hex(MARK_MASK)}`);
  }
  if (match.connectionMark) args.push('-m', 'connmark', '--mark', `${hex(CONNECTION_MARK)}/${hex(MARK_MASK)}`);
  if (match.fromOpener) args.push('-m', 'conntrack', '--ctdir', 'ORIGINAL');
  return args;
}

function actionArguments(action: Action): readonly string[] {
  switch (action.kind) {
    case 'accept':
      return ['-j', 'ACCEPT'];
    case 'return':
      return ['-j', 'RETURN'];
    case 'redirect':
      return ['-j', 'REDIRECT', '--to-ports', String(action.port)];
    case 'conntrack-zone':
      return ['-j', 'CT', '--zone', String(action.zone)];
    case 'set-connection-mark':
      return ['-j', 'CONNMARK', '--set-xmark', `${hex(CONNECTION_MARK)}/${hex(MARK_MASK)}`];
    case 'restore-connection-mark':
      return ['-j', 'CONNMARK', '--restore-mark', '--nfmask', '0xffffffff', '--ctmask', '0xffffffff'];
    default:
      return assertNever(action);
  }
}
