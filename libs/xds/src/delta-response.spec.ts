import fc from 'fast-check';
import { readDeltaResponse } from './delta-response.js';
import { DeltaDiscoveryResponse } from './gen/envoy/service/discovery/v3/discovery.js';

function whole<T>(steps: Generator<unknown, T>): T {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}

const resource = fc.record({
  name: fc.string(),
  version: fc.string(),
  aliases: fc.array(fc.string(), { maxLength: 2 }),
  resource: fc.record({ typeUrl: fc.string(), value: fc.uint8Array().map((bytes) => Buffer.from(bytes)) }),
});
const response = fc.record({
  systemVersionInfo: fc.string(),
  typeUrl: fc.string(),
  nonce: fc.string(),
  resources: fc.array(resource),
  removedResources: fc.array(fc.string()),
});

it('reads what the whole decoder reads', () => {
  fc.assert(
    fc.property(response, (fields) => {
      const bytes = DeltaDiscoveryResponse.encode(DeltaDiscoveryResponse.fromPartial(fields)).finish();
      const { typeUrl, nonce, removedResources, resources } = DeltaDiscoveryResponse.decode(bytes);
      const read = whole(readDeltaResponse(bytes));
      expect({ ...read, resources: [...read.resources] }).toEqual({ typeUrl, nonce, removedResources, resources });
      // Once more from the start.
      expect([...read.resources]).toHaveLength(resources.length);
    }),
  );
});

it('throws, and does not hang, on whatever is no such message', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      try {
        const count = [...whole(readDeltaResponse(bytes)).resources].length;
        expect(count).toBeLessThanOrEqual(bytes.length);
      } catch (thrown) {
        expect(thrown).toBeInstanceOf(Error);
      }
    }),
  );
});

it('a resource that is cut off is found when it is come to', () => {
  const response = DeltaDiscoveryResponse.fromPartial({ nonce: '1', resources: [{ name: 'a' }, { name: 'b' }] });
  const bytes = Buffer.from(DeltaDiscoveryResponse.encode(response).finish());
  expect(() => [...whole(readDeltaResponse(bytes.subarray(0, bytes.length - 5))).resources]).toThrow();
});
