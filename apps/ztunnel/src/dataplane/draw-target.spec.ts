import fc from 'fast-check';
import { drawTarget, targetKey } from './draw-target.js';
import type { HboneTarget, OutboundPlan, PlainTarget } from './messages.js';

const hbone = (targetId: number, weight: number): HboneTarget => ({
  dial: `10.0.0.${targetId}:15008`,
  authority: '10.0.0.9:80',
  expectedIdentities: [],
  weight,
  targetId,
});
const plain = (targetId: number, weight: number): PlainTarget => ({ dial: `10.0.1.${targetId}:80`, weight, targetId });
const plan = (targets: readonly HboneTarget[], plainTargets: readonly PlainTarget[] = []): OutboundPlan => ({
  kind: 'hbone',
  targets,
  plainTargets,
  sourceIdentity: '',
  baggage: '',
});

describe('drawTarget', () => {
  it.each([
    [0, 1],
    [0.24, 1],
    [0.25, 2],
    [0.99, 2],
  ])('draws by weight: %d of 1+3 is target %i', (random, targetId) => {
    expect(drawTarget(plan([hbone(1, 1), hbone(2, 3)]), null, random)?.target.targetId).toBe(targetId);
  });

  it('draws over both lists of a mixed plan', () => {
    const mixed = plan([hbone(1, 1)], [plain(2, 1)]);
    expect(drawTarget(mixed, null, 0.4)).toMatchObject({ kind: 'hbone', target: { targetId: 1 } });
    expect(drawTarget(mixed, null, 0.6)).toMatchObject({ kind: 'plain', target: { targetId: 2 } });
  });

  it('leaves out the one that failed, and gives null when it was the only one', () => {
    const [a, b] = [hbone(1, 1), hbone(2, 1)];
    expect(drawTarget(plan([a, b]), new Set([targetKey({ kind: 'hbone', target: a })]), 0)?.target).toBe(b);
    expect(drawTarget(plan([a]), new Set([targetKey({ kind: 'hbone', target: a })]), 0)).toBeNull();
  });

  it('draws evenly when no target has weight, and never one without weight beside one that has', () => {
    expect(drawTarget(plan([hbone(1, 0), hbone(2, 0)]), null, 0.9)?.target.targetId).toBe(2);
    expect(drawTarget(plan([hbone(1, 0), hbone(2, 1)]), null, 0)?.target.targetId).toBe(2);
  });

  it('has nothing to draw from a rejection', () => {
    expect(drawTarget({ kind: 'reject', reason: 'x' }, null, 0)).toBeNull();
  });
});

describe('properties', () => {
  it('a plan with a target always gives one', () => {
    const weights = fc.array(fc.integer({ min: 0, max: 1000 }), { minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(weights, fc.double({ min: 0, max: 0.999999, noNaN: true }), (all, random) => {
        const drawn = drawTarget(plan(all.map((weight, i) => hbone(i, weight))), null, random);
        expect(drawn).not.toBeNull();
        if (all.some((weight) => weight > 0)) expect(drawn?.target.weight).toBeGreaterThan(0);
      }),
    );
  });
});
