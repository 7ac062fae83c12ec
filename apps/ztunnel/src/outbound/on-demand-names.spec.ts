import { FakeClock } from '@weft/testing-fixtures';
import { ip } from '../testing/mesh-fixtures.js';
import { OnDemandNames, type ResolvedName } from './on-demand-names.js';

function rig() {
  const clock = new FakeClock();
  const asked: string[] = [];
  const expired: string[] = [];
  const answers: ((answer: ResolvedName | Error) => void)[] = [];
  const names = new OnDemandNames({
    clock,
    resolve: (hostname) => {
      asked.push(hostname);
      return new Promise((resolve, reject) =>
        answers.push((answer) => (answer instanceof Error ? reject(answer) : resolve(answer))),
      );
    },
    onExpired: (hostname) => expired.push(hostname),
    log: { debug: () => undefined },
  });
  const answer = async (what: ResolvedName | Error): Promise<void> => {
    answers.shift()!(what);
    await new Promise(setImmediate);
  };
  return { clock, asked, expired, names, answer };
}

const addresses = [ip('10.0.0.1'), ip('fd00::1')];

describe('OnDemandNames', () => {
  it('asks once however many wait, and answers the next at once', async () => {
    const { names, asked, answer } = rig();
    let done = 0;
    names.ask(['db.example'], () => done++);
    names.ask(['db.example'], () => done++);
    expect(asked).toEqual(['db.example']);
    expect(names.known('db.example')).toBeNull();
    await answer({ addresses, ttlSeconds: 60 });
    expect(done).toBe(2);
    names.ask(['db.example'], () => done++);
    expect([done, asked.length, names.known('db.example')]).toEqual([3, 1, addresses]);
  });

  it('waits for all of several', async () => {
    const { names, answer } = rig();
    let done = false;
    names.ask(['a', 'b'], () => (done = true));
    await answer({ addresses, ttlSeconds: 60 });
    expect(done).toBe(false);
    await answer(new Error('no such name'));
    expect([done, names.known('b')]).toEqual([true, []]);
  });

  it('forgets after the time to live and says so; 5 s and 300 s are the limits', async () => {
    for (const [ttlSeconds, livesMs] of [
      [60, 60_000],
      [0, 5000],
      [86_400, 300_000],
    ] as const) {
      const { names, clock, expired, answer } = rig();
      names.ask(['db.example'], () => undefined);
      await answer({ addresses, ttlSeconds });
      await clock.advance(livesMs - 1);
      expect([names.known('db.example'), expired]).toEqual([addresses, []]);
      await clock.advance(1);
      expect([names.known('db.example'), expired]).toEqual([null, ['db.example']]);
    }
  });

  it('keeps the last addresses when nobody answers any more', async () => {
    const { names, clock, answer } = rig();
    names.ask(['db.example'], () => undefined);
    await answer({ addresses, ttlSeconds: 5 });
    await clock.advance(5000);
    names.ask(['db.example'], () => undefined);
    await answer(new Error('timeout'));
    expect(names.known('db.example')).toEqual(addresses);
  });

  it('holds at most 4096 names: the oldest is given up', async () => {
    const { names, expired, answer } = rig();
    for (let i = 0; i <= 4096; i++) {
      names.ask([`n${i}`], () => undefined);
      await answer({ addresses, ttlSeconds: 60 });
    }
    expect(expired).toEqual(['n0']);
    names.close();
  });
});
