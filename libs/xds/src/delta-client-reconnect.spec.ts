import { DeltaClientReconnect } from './delta-client-reconnect.js';

const steady = () => 0.5;

describe('DeltaClientReconnect', () => {
  it.each([
    [{ kind: 'connect-failed' }, 'ConnectionError'],
    [{ kind: 'complete' }, 'Complete'],
    [{ kind: 'error', code: 14, message: 'transport is closing' }, 'Reconnect'],
    [{ kind: 'error', code: 14, message: 'received prior goaway: code: NO_ERROR' }, 'Reconnect'],
    [{ kind: 'error', code: 4, message: '' }, 'Reconnect'],
    [{ kind: 'error', code: 14, message: 'no healthy upstream' }, 'Error'],
    [{ kind: 'error', code: 16, message: 'bad token' }, 'Error'],
  ] as const)('%j counts as %s', (end, reason) => {
    expect(new DeltaClientReconnect(steady).ended(end).reason).toBe(reason);
  });

  it('waits from 10 ms to 200 ms while the server is away, to 500 ms while it answers with errors, and 10 ms again after a response', () => {
    const reconnect = new DeltaClientReconnect(steady);
    const delays = Array.from({ length: 9 }, () => reconnect.ended({ kind: 'connect-failed' }).delayMs);
    expect(delays.map(Math.round)).toEqual([10, 20, 40, 80, 160, 200, 200, 200, 200]);
    expect(reconnect.ended({ kind: 'error', code: 14, message: 'not yet' }).delayMs).toBe(500);
    reconnect.healthy();
    expect(reconnect.ended({ kind: 'complete' }).delayMs).toBe(10);
  });
});
