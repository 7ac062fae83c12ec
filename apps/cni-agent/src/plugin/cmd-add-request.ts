import { err, ok, type Result } from '@weft/result';

/** What the CNI plugin tells the agent; the JSON is the one of Istio's plugin. */
export interface CmdAddRequest {
  readonly netns: string;
  readonly podName: string;
  readonly podNamespace: string;
  readonly ips: readonly string[];
}

export function formatCmdAddRequest({ netns, podName, podNamespace, ips }: CmdAddRequest): string {
  const mask = (ip: string): string => Buffer.alloc(ip.includes(':') ? 16 : 4, 0xff).toString('base64');
  const IPs = ips.map((IP) => ({ Interface: null, Address: { IP, Mask: mask(IP) }, Gateway: '' }));
  return JSON.stringify({ Netns: netns, PodName: podName, PodNamespace: podNamespace, IPs });
}

/** Reads the body of `/cmdadd`; addresses may be plain or with a prefix length. Never throws. */
export function parseCmdAddRequest(body: unknown): Result<CmdAddRequest, string> {
  if (typeof body !== 'object' || body === null) return err('the body is not a JSON object');
  const { Netns, PodName, PodNamespace, IPs } = body as Record<string, unknown>;
  const texts = { Netns, PodName, PodNamespace };
  for (const [field, value] of Object.entries(texts)) {
    if (typeof value !== 'string' || value === '') return err(`${field} is missing`);
  }
  if (IPs !== undefined && IPs !== null && !Array.isArray(IPs)) return err('IPs is not a list');
  const ips: string[] = [];
  for (const entry of (IPs ?? []) as readonly unknown[]) {
    const address = (entry as { Address?: { IP?: unknown } } | null)?.Address?.IP;
    if (typeof address !== 'string') return err('an entry of IPs has no Address.IP');
    ips.push(address.split('/')[0]!);
  }
  return ok({ netns: Netns as string, podName: PodName as string, podNamespace: PodNamespace as string, ips });
}
