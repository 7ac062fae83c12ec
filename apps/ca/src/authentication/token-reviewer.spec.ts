import type { InformerHandler, Pod, TokenVerdict } from '@weft/kube';
import { FakeClock } from '@weft/testing-fixtures';
import { TokenReviewer } from './token-reviewer.js';

function setUp(capacity?: number) {
  const clock = new FakeClock();
  let handler: InformerHandler<Pod> = {};
  const pods = {
    on: (given: InformerHandler<Pod>) => {
      handler = given;
      return () => undefined;
    },
  };
  const asked: string[] = [];
  let gate: Promise<void> = Promise.resolve();
  const review = async (token: string): Promise<TokenVerdict> => {
    asked.push(token);
    await gate;
    const { uid, bad } = JSON.parse(Buffer.from(token.split('.')[1]!, 'base64url').toString()) as {
      uid?: string;
      bad?: boolean;
    };
    if (bad === true) return { authenticated: false, error: 'no' };
    const extra = uid === undefined ? {} : { 'authentication.kubernetes.io/pod-uid': [uid] };
    return { authenticated: true, username: 'u', uid: 'x', groups: [], extra, audiences: ['istio-ca'] };
  };
  const reviewer = new TokenReviewer({
    review,
    audience: 'istio-ca',
    pods,
    clock,
    ...(capacity !== undefined && { capacity }),
  });
  const token = (claims: object): string =>
    `h.${Buffer.from(JSON.stringify({ exp: clock.now() / 1000 + 3600, ...claims })).toString('base64url')}.s`;
  const pod = (uid: string, extra: object = {}): Pod => ({ metadata: { name: 'p', uid, ...extra } });
  const hold = (until: Promise<void>): void => {
    gate = until;
  };
  return { clock, reviewer, asked, token, pod, hold, handler: () => handler };
}

describe('a reviewed token', () => {
  it('of a live pod is asked for once in 60 s, by however many at once', async () => {
    const { clock, reviewer, asked, token, pod, handler } = setUp();
    handler().added?.(pod('a'));
    const mine = token({ uid: 'a' });
    await Promise.all([reviewer.verdict(mine), reviewer.verdict(mine)]);
    await clock.advance(59_999);
    await reviewer.verdict(mine);
    expect(asked).toHaveLength(1);
    await clock.advance(1);
    await reviewer.verdict(mine);
    expect(asked).toHaveLength(2);
  });

  it('is not remembered past its own end', async () => {
    const { clock, reviewer, asked, token, pod, handler } = setUp();
    handler().added?.(pod('a'));
    const mine = token({ uid: 'a', exp: clock.now() / 1000 + 5 });
    await reviewer.verdict(mine);
    await clock.advance(5000);
    await reviewer.verdict(mine);
    expect(asked).toHaveLength(2);
  });

  it.each<[string, object]>([
    ['that is refused', { uid: 'a', bad: true }],
    ['that is not bound to a pod', {}],
    ['of a pod that the watch does not know', { uid: 'unknown' }],
    ['without an end', { uid: 'a', exp: null }],
  ])('%s is asked for every time', async (_which, claims) => {
    const { reviewer, asked, token, pod, handler } = setUp();
    handler().added?.(pod('a'));
    await reviewer.verdict(token(claims));
    await reviewer.verdict(token(claims));
    expect(asked).toHaveLength(2);
  });

  it.each<[string, (handler: InformerHandler<Pod>, pod: (uid: string, extra?: object) => Pod) => void]>([
    ['is deleted', (handler, pod) => handler.deleted?.(pod('a'))],
    ['is being deleted', (handler, pod) => handler.updated?.(pod('a', { deletionTimestamp: 'now' }), pod('a'))],
    ['was made again', (handler, pod) => handler.updated?.(pod('b'), pod('a'))],
    ['has ended', (handler, pod) => handler.updated?.({ ...pod('a'), status: { phase: 'Succeeded' } }, pod('a'))],
  ])('is forgotten at once when its pod %s', async (_what, happen) => {
    const { reviewer, asked, token, pod, handler } = setUp();
    handler().added?.(pod('a'));
    await reviewer.verdict(token({ uid: 'a' }));
    happen(handler(), pod);
    expect(reviewer.size).toBe(0);
    await reviewer.verdict(token({ uid: 'a' }));
    expect(asked).toHaveLength(2);
  });

  it('is not remembered if its pod went while the API server was asked', async () => {
    const { reviewer, asked, token, pod, handler, hold } = setUp();
    handler().added?.(pod('a'));
    let go!: () => void;
    hold(new Promise((resolve) => (go = resolve)));
    const verdict = reviewer.verdict(token({ uid: 'a' }));
    handler().deleted?.(pod('a'));
    const later = reviewer.verdict(token({ uid: 'a' }));
    expect(asked).toHaveLength(2); // not answered by the review that began before
    go();
    await later;
    expect((await verdict).authenticated).toBe(true);
    expect(reviewer.size).toBe(0);
  });

  it('makes room: the memory is bounded', async () => {
    const { reviewer, token, pod, handler } = setUp(10);
    handler().added?.(pod('a'));
    for (let i = 0; i < 50; i++) await reviewer.verdict(token({ uid: 'a', i }));
    expect(reviewer.size).toBe(10);
  });
});
