import type { V1TokenReview } from '@kubernetes/client-node';
import { KubeConnectionError } from './errors.js';
import type { KubeTransport } from './transport.js';
import type { Wire } from './wire.js';

export interface TokenOptions {
  readonly audiences: readonly string[];
  readonly expirationSeconds: number;
  /** The token dies with this pod. */
  readonly boundPod?: { readonly name: string; readonly uid: string };
}

export type TokenVerdict =
  | {
      readonly authenticated: true;
      readonly username: string;
      readonly uid: string;
      readonly groups: readonly string[];
      readonly extra: Readonly<Record<string, readonly string[]>>;
      /** The audiences of ours that the token is good for. */
      readonly audiences: readonly string[];
    }
  | { readonly authenticated: false; readonly error: string };

export async function createToken(
  transport: KubeTransport,
  namespace: string,
  serviceAccount: string,
  options: TokenOptions,
): Promise<{ token: string; expiresAt: Date }> {
  const boundObjectRef = options.boundPod && { apiVersion: 'v1', kind: 'Pod', ...options.boundPod };
  const answer = (await transport.request({
    method: 'POST',
    path: `/api/v1/namespaces/${encodeURIComponent(namespace)}/serviceaccounts/${encodeURIComponent(serviceAccount)}/token`,
    body: {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenRequest',
      spec: { audiences: options.audiences, expirationSeconds: options.expirationSeconds, boundObjectRef },
    },
  })) as { status?: { token?: string; expirationTimestamp?: string } };
  const { token, expirationTimestamp } = answer.status ?? {};
  if (!token || !expirationTimestamp)
    throw new KubeConnectionError(`TokenRequest of ${namespace}/${serviceAccount}: the answer has no token`);
  return { token, expiresAt: new Date(expirationTimestamp) };
}

export async function reviewToken(
  transport: KubeTransport,
  token: string,
  audiences: readonly string[],
): Promise<TokenVerdict> {
  const answer = (await transport.request({
    method: 'POST',
    path: '/apis/authentication.k8s.io/v1/tokenreviews',
    body: { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', spec: { token, audiences } },
  })) as Wire<V1TokenReview>;
  const status = answer.status;
  if (status?.authenticated !== true)
    return { authenticated: false, error: status?.error ?? 'the API server does not accept the token' };
  // An authenticator that does not know audiences accepts any token; its answer then names none, and must not count for ours.
  const granted = (status.audiences ?? []).filter((audience) => audiences.includes(audience));
  if (audiences.length > 0 && granted.length === 0) {
    return { authenticated: false, error: `the token is not meant for audience ${audiences.join(', ')}` };
  }
  const user = status.user;
  return {
    authenticated: true,
    username: user?.username ?? '',
    uid: user?.uid ?? '',
    groups: user?.groups ?? [],
    extra: user?.extra ?? {},
    audiences: granted,
  };
}
