import { MeshError } from '@weft/result';
import type { RunCommand } from './command.js';
import { iptablesHolds, iptablesRemovalInput, iptablesRestoreInput } from './iptables.js';
import { CONNECTION_MARK, MARK_MASK, ROUTE_RULE_PRIORITY, ROUTE_TABLE } from './marks.js';
import { nftablesHolds, nftablesInput, nftablesRemovalInput } from './nftables.js';
import { podRules, type Family, type PodRule, type PodRuleOptions } from './pod-rules.js';

/** `REDIRECTION_NOT_VERIFIED`: the kernel does not hold the rules that were just installed. */
export class RedirectionError extends MeshError {
  readonly code = 'REDIRECTION_NOT_VERIFIED';
}

export type RedirectionBackend = 'iptables' | 'iptables-nft' | 'iptables-legacy' | 'nftables';

export interface RedirectionOptions extends Omit<PodRuleOptions, 'family' | 'probeSource'> {
  readonly families: readonly Family[];
  readonly probeSources?: Readonly<Partial<Record<Family, string>>>;
}

/**
 * Puts the redirection into a pod's network namespace and takes it out again. Both can be repeated: what is there already
 * is replaced. Resolves only after the rules were read back from the kernel, so that a pod is never let go uncaptured.
 */
export class PodRedirection {
  constructor(
    private readonly run: RunCommand,
    private readonly backend: RedirectionBackend,
  ) {}

  /** `netnsFd` stays the caller's. Rejects with CommandError or RedirectionError; a pod must then not be started. */
  async install(netnsFd: number, options: RedirectionOptions): Promise<void> {
    await this.#installRoutes(netnsFd, options.families);
    const rules = new Map(options.families.map((family) => [family, rulesOf(family, options)]));
    if (this.backend === 'nftables') await this.#installNftables(netnsFd, rules);
    else for (const [family, own] of rules) await this.#installIptables(netnsFd, family, own);
  }

  /**
   * Lets new connections pass by ztunnel while those that it has go on: their packets still need the marks, and the kernel
   * translates their addresses only as long as our nat chains are there. The first step of a release; does nothing unless all
   * of the rules are in place.
   */
  async passNew(netnsFd: number, options: RedirectionOptions): Promise<void> {
    if (!(await this.holds(netnsFd, options))) return;
    const kept = options.families.map((family) => {
      const rules = rulesOf(family, options).filter(({ action }) => action.kind !== 'redirect');
      return [family, rules] as const;
    });
    if (this.backend === 'nftables') {
      await this.run(['nft', '-f', '-'], { netnsFd, input: nftablesInput(new Map(kept)) });
      return;
    }
    for (const [family, rules] of kept)
      await this.#restore(netnsFd, family, iptablesRestoreInput(rules, { jumps: false }));
  }

  async remove(netnsFd: number, families: readonly Family[]): Promise<void> {
    if (this.backend === 'nftables') {
      await this.run(['nft', '-f', '-'], { netnsFd, input: nftablesRemovalInput() });
    } else {
      for (const family of families) {
        const input = iptablesRemovalInput(await this.run([this.#program(family, 'save')], { netnsFd }));
        if (input !== '') await this.#restore(netnsFd, family, input);
      }
    }
    const commands = families.flatMap((family) => [
      `ip -${family} rule del pref ${ROUTE_RULE_PRIORITY} 2>/dev/null || true`,
      `ip -${family} route flush table ${ROUTE_TABLE} 2>/dev/null || true`,
    ]);
    await this.run(['sh', '-c', commands.join('\n')], { netnsFd });
  }

  /** Whether the kernel holds all of it now; for reconciling after a restart. */
  async holds(netnsFd: number, options: RedirectionOptions): Promise<boolean> {
    const rules = new Map(options.families.map((family) => [family, rulesOf(family, options)]));
    if (this.backend === 'nftables')
      return nftablesHolds(await this.run(['nft', 'list', 'ruleset'], { netnsFd }), rules);
    for (const [family, own] of rules) {
      if (!iptablesHolds(await this.run([this.#program(family, 'save')], { netnsFd }), own)) return false;
    }
    return true;
  }

  async #installRoutes(netnsFd: number, families: readonly Family[]): Promise<void> {
    const mark = `0x${CONNECTION_MARK.toString(16)}/0x${MARK_MASK.toString(16)}`;
    const commands = families.flatMap((family) => [
      `ip -${family} route replace local ${family === 4 ? '0.0.0.0/0' : '::/0'} dev lo table ${ROUTE_TABLE}`,
      `ip -${family} rule del pref ${ROUTE_RULE_PRIORITY} 2>/dev/null || true`,
      `ip -${family} rule add fwmark ${mark} pref ${ROUTE_RULE_PRIORITY} lookup ${ROUTE_TABLE}`,
    ]);
    await this.run(['sh', '-e', '-c', commands.join('\n')], { netnsFd });
  }

  async #installIptables(netnsFd: number, family: Family, rules: readonly PodRule[]): Promise<void> {
    const save = this.#program(family, 'save');
    const before = await this.run([save], { netnsFd });
    const residue = iptablesRemovalInput(before);
    // Jumps that are there stay there: the chains behind them are replaced in one transaction, so there is no gap.
    const whole = iptablesHolds(before, rules);
    if (!whole && residue !== '') await this.#restore(netnsFd, family, residue);
    await this.#restore(netnsFd, family, iptablesRestoreInput(rules, { jumps: !whole }));
    if (!iptablesHolds(await this.run([save], { netnsFd }), rules)) {
      throw new RedirectionError(
        `${save} does not show the redirection rules after they were installed; is another program editing the tables?`,
      );
    }
  }

  async #installNftables(netnsFd: number, rules: ReadonlyMap<Family, readonly PodRule[]>): Promise<void> {
    await this.run(['nft', '-f', '-'], { netnsFd, input: nftablesInput(rules) });
    if (!nftablesHolds(await this.run(['nft', 'list', 'ruleset'], { netnsFd }), rules)) {
      throw new RedirectionError(
        'nft does not show the redirection rules after they were installed; is another program editing the tables?',
      );
    }
  }

  async #restore(netnsFd: number, family: Family, input: string): Promise<void> {
    const wait = this.backend === 'iptables-legacy' ? ['--wait=30'] : [];
    await this.run([this.#program(family, 'restore'), '--noflush', ...wait], { netnsFd, input });
  }

  #program(family: Family, action: 'save' | 'restore'): string {
    const variant = this.backend.replace('iptables', '');
    return `${family === 4 ? 'iptables' : 'ip6tables'}${variant}-${action}`;
  }
}

function rulesOf(
  family: Family,
  { probeSources, dnsCapture, bypassInbound, virtualInterfaces }: RedirectionOptions,
): readonly PodRule[] {
  const probeSource = probeSources?.[family];
  return podRules({
    family,
    dnsCapture,
    bypassInbound,
    virtualInterfaces,
    ...(probeSource === undefined ? {} : { probeSource }),
  });
}
