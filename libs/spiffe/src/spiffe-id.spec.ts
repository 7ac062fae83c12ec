import fc from 'fast-check';
import { formatSpiffeId, parseSpiffeId } from './index.js';

describe('parseSpiffeId', () => {
  it('accepts spiffe://<trust domain>/ns/<namespace>/sa/<service account>', () => {
    const parsed = parseSpiffeId('spiffe://cluster.local/ns/shop/sa/web');
    expect(parsed).toMatchObject({
      ok: true,
      value: { trustDomain: 'cluster.local', namespace: 'shop', serviceAccount: 'web' },
    });
  });
  it.each([
    'spiffe://cluster.local/ns/shop/sa/web/extra',
    'spiffe://cluster.local/ns/shop/sa',
    'spiffe://cluster.local/ns//sa/web',
    'spiffe://Cluster.local/ns/shop/sa/web',
    'spiffe://cluster.local/ns/../sa/web',
    'spiffe://cluster.local:80/ns/shop/sa/web',
    'spiffe://user@cluster.local/ns/shop/sa/web',
    'spiffe://cluster.local/ns/shop/sa/web?x=1',
    'spiffe://cluster.local/ns/shop/sa/we%62',
    'spiffe://cluster.local/sa/web/ns/shop',
    'https://cluster.local/ns/shop/sa/web',
    'spiffe://cluster.local/ns/shop/sa/web\u0000',
    '',
  ])('refuses %j', (text) => expect(parseSpiffeId(text).ok).toBe(false));

  it('reads back what it prints, and never throws', () => {
    const segment = fc.stringMatching(/^[a-z0-9][a-z0-9-]{0,20}$/);
    fc.assert(
      fc.property(segment, segment, segment, (trustDomain, namespace, serviceAccount) => {
        const text = formatSpiffeId(trustDomain, namespace, serviceAccount);
        expect(parseSpiffeId(text)).toEqual({ ok: true, value: { trustDomain, namespace, serviceAccount, text } });
      }),
    );
    fc.assert(
      fc.property(fc.string(), (text) => {
        parseSpiffeId(text);
        parseSpiffeId(`spiffe://${text}`);
      }),
    );
  });
});
