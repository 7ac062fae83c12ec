import fc from 'fast-check';
import { labelSelectorOf, matchesLabels, parseLabelSelector } from './label-selector.js';

function selects(text: string, labels: Record<string, string>): boolean {
  const parsed = parseLabelSelector(text);
  if (!parsed.ok) throw new Error(parsed.error);
  return matchesLabels(parsed.value, labels);
}

describe('label selector text', () => {
  it.each([
    ['environment=production', { environment: 'production' }, true],
    ['environment==production', { environment: 'qa' }, false],
    ['tier!=frontend', {}, true],
    ['tier!=frontend', { tier: 'frontend' }, false],
    ['environment in (production, qa)', { environment: 'qa' }, true],
    ['environment in (production,qa)', {}, false],
    ['tier notin (frontend, backend)', { tier: 'cache' }, true],
    ['tier notin (frontend, backend)', {}, true],
    ['partition', { partition: '' }, true],
    ['partition', {}, false],
    ['!partition', {}, true],
    ['! partition', { partition: 'a' }, false],
    ['x=a,y=b', { x: 'a' }, false],
    ['x=,y=b', { x: '', y: 'b' }, true],
    ['x=in', { x: 'in' }, true],
    ['n>5', { n: '6' }, true],
    ['n<5', { n: '6' }, false],
    ['app.kubernetes.io/name=web', { 'app.kubernetes.io/name': 'web' }, true],
    ['', { any: 'thing' }, true],
  ])('%s on %j is %s', (text, labels, expected) => {
    expect(selects(text, labels)).toBe(expected);
  });

  it.each(['=a', 'a in b', 'a in (b', 'a b', 'a,', ',', 'a==b==c', 'x=-', 'a/b/c', 'n>abc', '!'])(
    'refuses %s',
    (text) => {
      const parsed = parseLabelSelector(text);
      expect(parsed.ok).toBe(false);
      expect(!parsed.ok && parsed.error).toContain('unable to parse requirement: ');
    },
  );

  it('does not take inherited properties for labels', () => {
    expect(selects('constructor', {})).toBe(false);
  });
});

describe('LabelSelector object', () => {
  it.each([
    [undefined, { a: '1' }, false],
    [{}, { a: '1' }, true],
    [{ matchLabels: { a: '1' } }, { a: '1' }, true],
    [{ matchLabels: { a: '1' }, matchExpressions: [{ key: 'b', operator: 'DoesNotExist' }] }, { a: '1', b: '' }, false],
    [{ matchExpressions: [{ key: 'a', operator: 'In', values: ['1', '2'] }] }, { a: '2' }, true],
    [{ matchExpressions: [{ key: 'a', operator: 'NotIn', values: ['1'] }] }, {}, true],
  ])('%j on %j is %s', (selector, labels, expected) => {
    const read = labelSelectorOf(selector);
    expect(read.ok && matchesLabels(read.value, labels)).toBe(expected);
  });

  it('refuses an unknown operator and an empty In', () => {
    expect(labelSelectorOf({ matchExpressions: [{ key: 'a', operator: 'Like' }] })).toMatchObject({ ok: false });
    expect(labelSelectorOf({ matchExpressions: [{ key: 'a', operator: 'In', values: [] }] })).toMatchObject({
      ok: false,
    });
  });
});

describe('properties', () => {
  it('never throws', () => {
    fc.assert(fc.property(fc.string(), (text) => typeof parseLabelSelector(text).ok === 'boolean'));
    fc.assert(fc.property(fc.anything(), (value) => typeof labelSelectorOf(value).ok === 'boolean'));
  });
});
