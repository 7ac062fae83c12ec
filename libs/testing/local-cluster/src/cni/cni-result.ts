import { parseCidr, parseIp } from '@weft/ip';
import { err, ok, type Result } from '@weft/result';
import { isRecord } from './network-config.js';

/** What an ADD gave: the addresses of the pod, without their prefix lengths, and the result to hand to the next plugin. */
export interface CniResult {
  readonly ips: readonly string[];
  readonly raw: Record<string, unknown>;
}

/** Reads the standard output of a plugin's ADD; knows the results of CNI 0.2 (`ip4`, `ip6`) to 1.1 (`ips`). */
export function parseCniResult(text: string): Result<CniResult, string> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return err(`the result is not JSON: ${JSON.stringify(text.slice(0, 200))}`);
  }
  if (!isRecord(parsed)) return err('the result is not a JSON object');
  const listed: unknown[] = Array.isArray(parsed['ips'])
    ? (parsed['ips'] as unknown[]).map((entry) => (isRecord(entry) ? entry['address'] : undefined))
    : ['ip4', 'ip6']
        .map((key) => parsed[key])
        .filter(isRecord)
        .map((entry) => entry['ip']);
  const ips: string[] = [];
  for (const address of listed) {
    const ip = typeof address === 'string' ? addressOf(address) : null;
    if (ip === null) return err(`the result holds a bad address: ${JSON.stringify(address)}`);
    ips.push(ip);
  }
  return ok({ ips, raw: parsed });
}

/** The error object of CNI 1.0 section 5, or whatever text a plugin printed instead. */
export function describeCniFailure(stdout: string, stderr: string, exitCode: number): string {
  try {
    const parsed: unknown = JSON.parse(stdout);
    if (isRecord(parsed) && (typeof parsed['msg'] === 'string' || typeof parsed['code'] === 'number')) {
      const details = typeof parsed['details'] === 'string' && parsed['details'] !== '' ? `: ${parsed['details']}` : '';
      const code = typeof parsed['code'] === 'number' ? ` (code ${parsed['code']})` : '';
      return `${typeof parsed['msg'] === 'string' ? parsed['msg'] : 'no message'}${details}${code}`;
    }
  } catch {
    // Not JSON: fall through to the text.
  }
  const text = (stderr.trim() || stdout.trim()).slice(-500);
  return text === '' ? `exit code ${exitCode} without a message` : `exit code ${exitCode}: ${text}`;
}

/** `10.0.0.5/24` gives `10.0.0.5`; null for anything else than an address with a prefix length. */
function addressOf(text: string): string | null {
  const slash = text.indexOf('/');
  if (slash < 0 || parseCidr(text) === null) return null;
  return parseIp(text.slice(0, slash))?.text ?? null;
}
