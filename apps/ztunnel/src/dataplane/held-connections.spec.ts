import { HeldConnections } from './held-connections.js';

describe('HeldConnections', () => {
  it('wakes those of the pod whose plans were cleared, each once', () => {
    const counts: number[] = [];
    const held = new HeldConnections(10, (count) => counts.push(count));
    const woken: string[] = [];
    held.enter('a', () => woken.push('a1'));
    held.enter('a', () => woken.push('a2'));
    held.enter('b', () => woken.push('b1'));
    held.wake('a');
    held.wake('a');
    expect(woken).toEqual(['a1', 'a2']);
    expect(held.count).toBe(1);
    held.wake();
    expect(woken).toEqual(['a1', 'a2', 'b1']);
    expect(counts.at(-1)).toBe(0);
  });

  it('takes no more than its limit, and one again when another has left', () => {
    const held = new HeldConnections(1, () => undefined);
    const leave = held.enter('a', () => undefined);
    expect(held.enter('a', () => undefined)).toBeNull();
    leave?.();
    leave?.();
    expect(held.count).toBe(0);
    expect(held.enter('a', () => undefined)).not.toBeNull();
  });

  it('one that is held again while all are woken waits for the next time', () => {
    const held = new HeldConnections(10, () => undefined);
    let turns = 0;
    const again = (): void => {
      turns++;
      held.enter('a', again);
    };
    held.enter('a', again);
    held.wake('a');
    expect(turns).toBe(1);
    expect(held.count).toBe(1);
  });
});
