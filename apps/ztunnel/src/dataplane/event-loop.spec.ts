import { EventFd, EPOLLIN } from '@weft/linux';
import { AnswerCache, Requests } from './answer-cache.js';
import { ConnectionLog } from './connection-log.js';
import { EventLoop } from './event-loop.js';
import type { FromWorker } from './messages.js';

const errors: Error[] = [];
let loop: EventLoop;

beforeEach(() => {
  errors.length = 0;
  loop = new EventLoop((error) => errors.push(error));
});
afterEach(() => loop.dispose());

/** Turns until the condition holds. */
function turnUntil(condition: () => boolean): void {
  const end = performance.now() + 3000;
  while (!condition()) {
    if (performance.now() > end) throw new Error('timed out');
    loop.turn(20);
  }
}

function source(onEvents: () => void, onCrash: (error: Error) => void = () => undefined): EventFd {
  const event = EventFd.create();
  loop.watch(event.fd, EPOLLIN, { onEvents, onCrash });
  return event;
}

describe('EventLoop', () => {
  it('an exception in one source is reported, ends that source only, and the loop goes on', () => {
    const seen: string[] = [];
    const bad = source(
      () => {
        throw new Error('bug');
      },
      (error) => {
        seen.push(`crash ${error.message}`);
        loop.close(bad.fd);
      },
    );
    const good = source(() => {
      seen.push('good');
      good.drain();
    });
    bad.signal();
    good.signal();
    loop.turn(100);
    expect(seen.sort()).toEqual(['crash bug', 'good']);
    expect(errors.map(({ message }) => message)).toEqual(['bug']);
    good.signal();
    loop.turn(100);
    expect(seen.at(-1)).toBe('good');
    loop.close(good.fd);
  });

  it('does not reuse a descriptor number in the turn in which it was closed', () => {
    const first = source(() => {
      loop.close(first.fd);
      const second = EventFd.create();
      expect(second.fd).not.toBe(first.fd);
      loop.close(second.fd);
    });
    first.signal();
    loop.turn(100);
    expect(errors).toEqual([]);
  });

  it('gives no event to a source that was closed earlier in the same batch', () => {
    let calls = 0;
    const one = source(() => {
      calls++;
      loop.close(two.fd);
      one.drain();
    });
    const two = source(() => {
      calls++;
      loop.close(one.fd);
      two.drain();
    });
    one.signal();
    two.signal();
    loop.turn(100);
    expect(calls).toBe(1);
    loop.close(one.fd);
    loop.close(two.fd);
  });

  it('flushes once per turn what became dirty many times', () => {
    const output = { dirty: false, flushes: 0, flush: () => output.flushes++, onCrash: () => undefined };
    loop.markDirty(output);
    loop.markDirty(output);
    loop.turn(0);
    expect(output).toMatchObject({ dirty: false, flushes: 1 });
  });

  it('under load, what comes meanwhile leaves in the same flush; a single event is not kept waiting', () => {
    let flushes = 0;
    const output = { dirty: false, flush: () => flushes++, onCrash: () => undefined };
    const events: EventFd[] = [];
    const answered: number[] = [];
    for (let i = 0; i < 3; i++) {
      events.push(
        source(() => {
          events[i]!.drain();
          answered.push(i);
          loop.markDirty(output);
          // Its request makes the third one's come.
          if (i === 0) events[2]!.signal();
        }),
      );
    }
    events[0]!.signal();
    loop.turn(100);
    expect([answered, flushes]).toEqual([[0], 1]);
    loop.turn(100);
    expect([answered, flushes]).toEqual([[0, 2], 2]);
    events[0]!.signal();
    events[1]!.signal();
    loop.turn(100);
    expect([answered.slice(2).sort(), flushes]).toEqual([[0, 1, 2], 3]);
    for (const { fd } of events) loop.close(fd);
  });

  it('a source that always has more does not keep outputs from being flushed', () => {
    let flushed = false;
    const output = { dirty: false, flush: () => (flushed = true), onCrash: () => undefined };
    const never = [0, 1].map(() => source(() => loop.markDirty(output)));
    for (const event of never) event.signal();
    loop.turn(100);
    expect(flushed).toBe(true);
    for (const { fd } of never) loop.close(fd);
  });

  it('expires a deadline once, and not when it was cancelled', () => {
    const expired: string[] = [];
    loop.deadline(10, () => expired.push('kept'));
    loop.cancel(loop.deadline(10, () => expired.push('cancelled')));
    turnUntil(() => expired.length > 0);
    loop.turn(150);
    expect(expired).toEqual(['kept']);
  });
});

describe('AnswerCache', () => {
  const setUp = (entries = 10, timeoutMs = 50) => {
    const requests = new Requests(1);
    return { requests, cache: new AnswerCache<string>(loop, requests, { entries, timeoutMs }) };
  };

  it('asks once for many, then answers from memory until it is cleared', () => {
    const { requests, cache } = setUp();
    const asked: number[] = [];
    const got: (string | null)[] = [];
    const get = () =>
      cache.get(
        'a',
        (id) => asked.push(id),
        (answer) => got.push(answer),
      );
    get();
    get();
    requests.answer(asked[0]!, 'yes');
    expect(get()).toBeNull();
    expect([asked.length, got]).toEqual([1, ['yes', 'yes', 'yes']]);
    cache.clear();
    get();
    expect(asked).toHaveLength(2);
  });

  it('gives up after the deadline and asks again the next time', () => {
    const { cache } = setUp();
    const asked: number[] = [];
    const got: (string | null)[] = [];
    const get = () =>
      cache.get(
        'a',
        (id) => asked.push(id),
        (answer) => got.push(answer),
      );
    get();
    turnUntil(() => got.length === 1);
    expect(got).toEqual([null]);
    get();
    expect(asked).toHaveLength(2);
  });

  it('does not call a connection that took its interest back', () => {
    const { requests, cache } = setUp();
    let id = 0;
    const done = jest.fn();
    cache.get('a', (requestId) => (id = requestId), done)!();
    requests.answer(id, 'late');
    expect(done).not.toHaveBeenCalled();
  });

  it('is bounded: the oldest answer is forgotten', () => {
    const { requests, cache } = setUp(2);
    let asked = 0;
    const get = (key: string) =>
      cache.get(
        key,
        (id) => {
          asked++;
          requests.answer(id, key);
        },
        () => undefined,
      );
    ['a', 'b', 'c', 'c', 'b', 'a'].forEach(get);
    expect(asked).toBe(4);
  });
});

describe('ConnectionLog', () => {
  const details = {
    podUid: 'p',
    direction: 'inbound',
    transport: 'hbone',
    source: 's',
    destination: 'd',
    actualDestination: 'a',
    peerIdentity: null,
  } as const;

  it('tells of an end once, with the bytes counted, and zeroes a slot before it is used again', () => {
    const said: FromWorker[] = [];
    const log = new ConnectionLog(loop, new Float64Array(4), { first: 5, step: 2 }, (message) => said.push(message));
    const slot = log.open(details, loop.nowMs)!;
    log.received(slot, 10);
    log.sent(slot, 3);
    log.close(slot, 'completed');
    log.close(slot, 'again', 'DENY', 'x');
    const next = log.open(details, loop.nowMs)!;
    expect(said.map((message) => [message.type, (message as { connectionId?: number }).connectionId])).toEqual([
      ['connectionOpened', 5],
      ['connectionClosed', 5],
      ['connectionOpened', 7],
    ]);
    expect(said[1]).toMatchObject({ receivedBytes: 10, sentBytes: 3, why: 'completed', flag: 'none' });
    expect(next).not.toBe(slot);
  });

  it('has no slot for one more while those of closed connections rest', () => {
    const log = new ConnectionLog(loop, new Float64Array(2), { first: 1, step: 1 }, () => undefined);
    log.close(log.open(details, loop.nowMs)!, 'completed');
    expect(log.open(details, loop.nowMs)).toBeNull();
  });
});
