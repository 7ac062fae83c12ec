import type { RedirectionBackend, RunCommand } from '@weft/linux';

/**
 * The variant of iptables that the node already uses: legacy if rules of anybody are there, else nf_tables. Falls back to
 * native nftables on a node without iptables.
 */
export async function detectBackend(run: RunCommand): Promise<RedirectionBackend> {
  const output = (argv: readonly string[]): Promise<string | null> => run(argv).catch(() => null);
  const legacy = await output(['iptables-legacy-save']);
  if (legacy !== null && /^-A /m.test(legacy)) return 'iptables-legacy';
  if ((await output(['iptables-nft-save'])) !== null) return 'iptables-nft';
  if ((await output(['iptables-save'])) !== null) return 'iptables';
  return 'nftables';
}
