import { join } from 'node:path';
import { describeFuzz } from '@weft/testing-fuzz';
import { frameFuzz } from './testing/frame.fuzz.js';
import { headerFuzz } from './testing/header.fuzz.js';
import { hpackFuzz } from './testing/hpack.fuzz.js';

const corpus = join(__dirname, '../testdata/corpus');

for (const target of [frameFuzz, hpackFuzz, headerFuzz]) describeFuzz(target, join(corpus, `${target.name}.txt`));
