import type { FuzzTarget } from '@weft/testing-fuzz';
import { parseBaggage } from '../state/baggage.js';

const KEYS = [
  'k8s.cluster.name',
  'k8s.namespace.name',
  'k8s.pod.name',
  'k8s.job.name',
  'service.name',
  'service.version',
];

/** `baggage` as it comes from a peer that may lie. */
export const baggageFuzz: FuzzTarget = {
  name: 'baggage',
  maxBytes: 16_384,
  seeds: () => [
    Buffer.from(KEYS.map((key) => `${key}=value`).join(',')),
    Buffer.from('cloud.region=r1, cloud.availability_zone = z1 ,k8s.deployment.name=web;p=1'),
    Buffer.alloc(9000, 'a=b,'),
  ],
  words: [...KEYS, '=', ',', ';', ' ', '%2C', '\0', '__proto__=1', 'constructor=x'].map((word) => Buffer.from(word)),
  run: (input) => {
    const header = input.toString('latin1');
    const parsed = parseBaggage(header);
    const values = Object.values(parsed);
    for (const value of values as readonly string[]) {
      if (value !== value.trim() || !header.includes(value)) throw new Error(`made up ${JSON.stringify(value)}`);
      if (value.includes(',') || value.includes('='))
        throw new Error(`a value with a separator ${JSON.stringify(value)}`);
    }
    return values.map((value: string) => (value === '' ? '-' : '+')).join('');
  },
};
