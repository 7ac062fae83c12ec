import { poolClaimOf } from './pool-claim.js';

const CLAIM = { 'weft.io/claimed-by': 'shop/wp', 'weft.io/claimed-account': 'wp' };
const pod = (annotations: object, namespace = 'istio-system', serviceAccountName = 'weft-waypoint-pool') => ({
  metadata: { name: 'p', namespace, annotations },
  spec: { serviceAccountName },
});

describe('a claim on a proxy of the pool', () => {
  it('names the Gateway and the account that it takes the identity of', () => {
    expect(poolClaimOf(pod(CLAIM), 'istio-system')).toEqual({ namespace: 'shop', gateway: 'wp', serviceAccount: 'wp' });
  });

  it.each([
    ['of another namespace', pod(CLAIM, 'shop')],
    ['of another account', pod(CLAIM, 'istio-system', 'ztunnel')],
    ['without annotations', pod({})],
    ['without an account', pod({ 'weft.io/claimed-by': 'shop/wp' })],
    ['for the namespace of the mesh', pod({ ...CLAIM, 'weft.io/claimed-by': 'istio-system/wp' })],
    ['with more than a name', pod({ ...CLAIM, 'weft.io/claimed-by': 'shop/wp/x' })],
    ['with a name that is none', pod({ ...CLAIM, 'weft.io/claimed-account': 'wp/../ca' })],
    ['that is no object', null],
  ])('is none on a pod %s', (_, object) => {
    expect(poolClaimOf(object, 'istio-system')).toBeNull();
  });
});
