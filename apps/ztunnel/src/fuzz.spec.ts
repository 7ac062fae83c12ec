import { join } from 'node:path';
import { describeFuzz } from '@weft/testing-fuzz';
import { baggageFuzz } from './testing/baggage.fuzz.js';
import { dnsFuzz } from './testing/dns.fuzz.js';
import { forwardedFuzz } from './testing/forwarded.fuzz.js';

const corpus = join(__dirname, '../testdata/corpus');

for (const target of [baggageFuzz, forwardedFuzz, dnsFuzz]) describeFuzz(target, join(corpus, `${target.name}.txt`));
