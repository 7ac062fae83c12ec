import type { TokenVerdict } from '@weft/kube';
import { toError } from '@weft/result';
import { refused, unavailable, type Authenticator, type Evidence, type Verdict } from './authenticator.js';

const SERVICE_ACCOUNT_USER = /^system:serviceaccount:([^:]+):([^:]+)$/;
const SERVICE_ACCOUNTS = 'system:serviceaccounts';

/** Service account tokens, as the API server reviews them. */
export class KubernetesAuthenticator implements Authenticator {
  readonly name = 'kubernetes';

  constructor(private readonly review: (token: string) => Promise<TokenVerdict>) {}

  async judge({ token }: Evidence): Promise<Verdict> {
    if (token === undefined) return { kind: 'absent' };
    try {
      return verdictOf(await this.review(token));
    } catch (thrown) {
      return unavailable(`the API server cannot review the token: ${toError(thrown).message}`);
    }
  }
}

/** Only service accounts are callers. */
function verdictOf(review: TokenVerdict): Verdict {
  if (!review.authenticated) return refused(review.error);
  const match = SERVICE_ACCOUNT_USER.exec(review.username);
  if (match === null) return refused(`${review.username} is not a service account`);
  if (!review.groups.includes(SERVICE_ACCOUNTS)) return refused(`${review.username} is not in ${SERVICE_ACCOUNTS}`);
  const [, namespace = '', serviceAccount = ''] = match;
  const name = review.extra['authentication.kubernetes.io/pod-name']?.[0];
  const uid = review.extra['authentication.kubernetes.io/pod-uid']?.[0];
  const pod = name && uid ? { pod: { name, uid } } : {};
  return { kind: 'caller', caller: { namespace, serviceAccount, by: 'kubernetes', ...pod } };
}
