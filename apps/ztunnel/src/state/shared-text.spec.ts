import fc from 'fast-check';
import { sharedText } from './shared-text.js';

it('is the same text, whatever was said before', () => {
  fc.assert(fc.property(fc.array(fc.string()), (texts) => texts.every((text) => sharedText(text) === text)));
});

it('keeps a bounded number of them', () => {
  for (let i = 0; i < 120_000; i++) expect(sharedText(`text ${i}`)).toBe(`text ${i}`);
});
