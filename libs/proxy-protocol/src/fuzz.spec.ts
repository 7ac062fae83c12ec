import { join } from 'node:path';
import { describeFuzz } from '@weft/testing-fuzz';
import { proxyFuzz } from './testing/proxy.fuzz.js';

describeFuzz(proxyFuzz, join(__dirname, '../testdata/corpus/proxy.txt'));
