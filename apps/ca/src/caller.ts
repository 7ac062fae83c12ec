import type { TokenVerdict } from '@weft/kube';
import { err, ok, type Result } from '@weft/result';

/** Who asks, as the API server vouches for it. */
export interface Caller {
  readonly namespace: string;
  readonly serviceAccount: string;
  /** The pod that the token is bound to; absent for an unbound token. */
  readonly pod?: { readonly name: string; readonly uid: string };
}

const SERVICE_ACCOUNT_USER = /^system:serviceaccount:([^:]+):([^:]+)$/;

/** Reads a token review; only tokens of service accounts are callers. */
export function callerOf(verdict: TokenVerdict): Result<Caller, string> {
  if (!verdict.authenticated) return err(verdict.error);
  const match = SERVICE_ACCOUNT_USER.exec(verdict.username);
  if (match === null) return err(`${verdict.username} is not a service account`);
  const name = verdict.extra['authentication.kubernetes.io/pod-name']?.[0];
  const uid = verdict.extra['authentication.kubernetes.io/pod-uid']?.[0];
  return ok({ namespace: match[1]!, serviceAccount: match[2]!, ...(name && uid ? { pod: { name, uid } } : {}) });
}
