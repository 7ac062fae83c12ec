import { SECRETS, type KubeClient } from '@weft/kube';
import { TestAuthority, type TestIdentity } from '@weft/testing-certificates';

/** Of a gateway. */
export const edgeIdentity = async (): Promise<TestIdentity> =>
  (await TestAuthority.create()).issue('spiffe://cluster.local/ns/shop/sa/edge');

const base64 = (text: string): string => Buffer.from(text).toString('base64');

export async function createTlsSecret(
  kube: KubeClient,
  namespace: string,
  name: string,
  { certificateChainPem, privateKeyPem }: TestIdentity,
): Promise<void> {
  const data = { 'tls.crt': base64(certificateChainPem), 'tls.key': base64(privateKeyPem) };
  await kube.create(SECRETS, { metadata: { name, namespace }, type: 'kubernetes.io/tls', data });
}
