import { PoolMembership } from './pool-membership.js';

describe('a proxy of the pool', () => {
  const shop = { namespace: 'shop', serviceAccount: 'wp' };
  const setUp = () => {
    const membership = new PoolMembership('cluster.local');
    const followed: string[] = [];
    membership.onClaim((id) => followed.push(id));
    return { membership, followed };
  };

  it('asks for the identity that it was claimed for, once however often it is told', async () => {
    const { membership, followed } = setUp();
    const claimed = membership.whenClaimed();
    expect(membership.claim(shop).ok).toBe(true);
    expect(membership.claim(shop).ok).toBe(true);
    await claimed;
    expect(followed).toEqual(['spiffe://cluster.local/ns/shop/sa/wp']);
  });

  it('believes another hint until the CA has agreed, and none after', () => {
    const { membership, followed } = setUp();
    membership.claim({ namespace: 'evil', serviceAccount: 'x' });
    expect(membership.claim(shop).ok).toBe(true);
    membership.settle();
    expect(membership.claim({ namespace: 'evil', serviceAccount: 'x' })).toMatchObject({
      ok: false,
      error: 'claimed already for shop/wp',
    });
    expect(followed.at(-1)).toBe('spiffe://cluster.local/ns/shop/sa/wp');
  });

  it.each([
    [null],
    [{}],
    [{ namespace: 'shop' }],
    [{ namespace: 1, serviceAccount: 'a' }],
    [{ namespace: '', serviceAccount: '' }],
    [{ namespace: 'a/b', serviceAccount: 'c d' }],
  ])('does not take %j', (body) => {
    expect(setUp().membership.claim(body).ok).toBe(false);
  });
});
