import { EventLoop } from './event-loop.js';
import type { FromWorker } from './messages.js';
import { readBatch } from './batch-codec.js';
import { Outbox } from './outbox.js';

describe('Outbox', () => {
  let loop: EventLoop;
  const batches: FromWorker['type'][][] = [];
  let outbox: Outbox;
  const failed: FromWorker = {
    type: 'connectionFailed',
    podUid: 'p',
    direction: 'inbound',
    source: '10.0.0.1:1',
    destination: '10.0.0.2:2',
    peerIdentity: null,
    reason: 'why "not"\n',
    flag: 'none',
  };

  beforeEach(() => {
    batches.length = 0;
    loop = new EventLoop((error) => {
      throw error;
    });
    outbox = new Outbox(loop, (batch) => batches.push(readBatch(batch).map(({ type }) => type)));
    loop.atTurnEnd(() => outbox.turnEnd());
  });
  afterEach(() => loop.dispose());

  it('gathers what tells of connections, and says it within 50 ms though nothing else happens', () => {
    outbox.add(failed);
    loop.turn(0);
    outbox.add(failed);
    expect(batches).toEqual([]);
    const begun = performance.now();
    while (batches.length === 0 && performance.now() - begun < 20_000) loop.turn(20_000);
    // Far less than the turn would have lasted.
    expect(performance.now() - begun).toBeLessThan(10_000);
    expect(batches).toEqual([['connectionFailed', 'connectionFailed']]);
  });

  it('asks at the end of the turn, in the order in which things happened', () => {
    outbox.add(failed);
    outbox.add({ type: 'identityNeeded', spiffeId: 'spiffe://a/ns/b/sa/c' });
    loop.turn(0);
    expect(batches).toEqual([['connectionFailed', 'identityNeeded']]);
  });

  it('does not gather without end', () => {
    for (let i = 0; i < 512; i++) outbox.add(failed);
    loop.turn(0);
    expect(batches[0]).toHaveLength(512);
  });
});
