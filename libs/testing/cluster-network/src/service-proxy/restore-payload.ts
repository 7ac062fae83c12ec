import { DYNAMIC_CHAIN, JUMPS, type Chains, type ServiceRules } from './service-rules.js';

type Table = 'nat' | 'filter';

/** What a node has of ours, as far as it matters for the next write. */
export interface InstalledState {
  readonly chains: Readonly<Record<Table, ReadonlySet<string>>>;
  readonly missingJumps: Readonly<Record<Table, readonly { readonly chain: string; readonly rule: string }[]>>;
}

/** Reads the output of `iptables-save`, so that what an earlier process left behind is replaced and not doubled. */
export function readInstalled(save: Readonly<Record<Table, string>>): InstalledState {
  const chainsOf = (text: string): Set<string> =>
    new Set([...text.matchAll(/^:(\S+) /gm)].map(([, name]) => name!).filter((name) => DYNAMIC_CHAIN.test(name)));
  const missing = (table: Table) =>
    JUMPS[table].filter(({ chain, rule }) => {
      const target = rule.slice(rule.lastIndexOf(' ') + 1);
      return !save[table].split('\n').some((line) => line.startsWith(`-A ${chain} `) && line.endsWith(` -j ${target}`));
    });
  return {
    chains: { nat: chainsOf(save.nat), filter: chainsOf(save.filter) },
    missingJumps: { nat: missing('nat'), filter: missing('filter') },
  };
}

/** The state after a payload was applied. */
export function installedAfter(rules: ServiceRules): InstalledState {
  const dynamic = (chains: Chains) => new Set([...chains.keys()].filter((name) => DYNAMIC_CHAIN.test(name)));
  return { chains: { nat: dynamic(rules.nat), filter: dynamic(rules.filter) }, missingJumps: { nat: [], filter: [] } };
}

/**
 * Input for `iptables-restore --noflush`: our chains get exactly these rules, those that are not needed any more go, and all
 * others stay as they are. Each table changes in one step.
 */
export function restorePayload(rules: ServiceRules, installed: InstalledState): string {
  return `${tablePayload('nat', rules.nat, installed)}${tablePayload('filter', rules.filter, installed)}`;
}

function tablePayload(table: Table, chains: Chains, { chains: present, missingJumps }: InstalledState): string {
  const stale = [...present[table]].filter((name) => !chains.has(name)).sort();
  const lines = [
    `*${table}`,
    ...[...chains.keys(), ...stale].map((name) => `:${name} - [0:0]`),
    ...[...chains].flatMap(([name, rules]) => rules.map((rule) => `-A ${name} ${rule}`)),
    ...stale.map((name) => `-X ${name}`),
    ...missingJumps[table].map(({ chain, rule }) => `-I ${chain} 1 ${rule}`),
    'COMMIT',
  ];
  return `${lines.join('\n')}\n`;
}
