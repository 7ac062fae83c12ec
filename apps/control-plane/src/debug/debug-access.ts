import { isLoopback, parseIp } from '@weft/ip';

export interface DebugRequest {
  readonly peerAddress: string | undefined;
  /** Value of the `authorization` header. */
  readonly authorization: string | undefined;
}

/**
 * Debug pages hold the whole mesh. Loopback (port-forward, exec) is free; others need a token of a service account of the
 * root namespace, with the audience that xDS clients use.
 */
export async function mayDebug(
  { peerAddress = '', authorization }: DebugRequest,
  rootNamespace: string,
  accountOf: (authorization: string | undefined) => Promise<string | null>,
): Promise<boolean> {
  const peer = parseIp(peerAddress);
  if (peer !== null && isLoopback(peer)) return true;
  if (authorization === undefined) return false;
  const account = await accountOf(authorization);
  return account?.startsWith(`${rootNamespace}/`) ?? false;
}
