import fc from 'fast-check';
import { isSampled, sampledParent, traceParent } from './trace-parent.js';

const PARENT = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
const request = (...values: readonly string[]) => ({
  method: 'CONNECT',
  authority: '10.0.0.1:80',
  path: '',
  headers: values.map((value) => ['traceparent', value] as const),
});

it('is fresh each time, and says whether it is to be followed', () => {
  const made = Array.from({ length: 600 }, () => traceParent(true));
  expect(new Set(made).size).toBe(600);
  expect(made.every(isSampled)).toBe(true);
  expect(isSampled(traceParent(false))).toBe(false);
});

it('that of a request is followed if it is sampled', () => {
  expect(sampledParent(request(PARENT))).toBe(PARENT);
  expect(sampledParent(request(PARENT.replace(/01$/, '03')))).not.toBeNull();
});

it.each([
  ['not sampled', PARENT.replace(/01$/, '00')],
  ['another version', PARENT.replace(/^00/, '01')],
  ['a trace id of zeros', `00-${'0'.repeat(32)}-b7ad6b7169203331-01`],
  ['a parent id of zeros', `00-0af7651916cd43dd8448eb211c80319c-${'0'.repeat(16)}-01`],
  ['upper case', PARENT.toUpperCase()],
  ['too long', `${PARENT}-x`],
])('is not followed: %s', (_, value) => {
  expect(sampledParent(request(value))).toBeNull();
});

it('two of them are none (W3C Trace Context, 3.2.1)', () => {
  expect(sampledParent(request(PARENT, PARENT))).toBeNull();
});

it('any text is taken for what it is', () => {
  fc.assert(
    fc.property(fc.string(), (value) => {
      expect(sampledParent(request(value))).toBe(isSampled(value) ? value : null);
    }),
  );
});
