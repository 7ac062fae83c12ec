import { otlpJson } from './otlp-json.js';
import type { Span } from './span.js';

const SPAN: Span = {
  traceId: '0af7651916cd43dd8448eb211c80319c',
  spanId: 'b7ad6b7169203331',
  parentSpanId: '00f067aa0ba902b7',
  name: 'inbound',
  kind: 'server',
  startMs: 1_700_000_000_000.25,
  endMs: 1_700_000_000_001,
  attributes: { 'source.address': '10.0.0.1:5', 'weft.bytes_sent': 3 },
  error: null,
};

it('has the shape of OTLP: ids in hexadecimal, 64-bit numbers as text', () => {
  expect(JSON.parse(otlpJson([SPAN], { 'service.name': 'ztunnel' }))).toEqual({
    resourceSpans: [
      {
        resource: { attributes: [{ key: 'service.name', value: { stringValue: 'ztunnel' } }] },
        scopeSpans: [
          {
            scope: { name: 'weft.ztunnel' },
            spans: [
              {
                traceId: SPAN.traceId,
                spanId: SPAN.spanId,
                parentSpanId: SPAN.parentSpanId,
                name: 'inbound',
                kind: 2,
                startTimeUnixNano: '1700000000000250000',
                endTimeUnixNano: '1700000000001000000',
                attributes: [
                  { key: 'source.address', value: { stringValue: '10.0.0.1:5' } },
                  { key: 'weft.bytes_sent', value: { intValue: '3' } },
                ],
              },
            ],
          },
        ],
      },
    ],
  });
});

it('a root has no parent, and a failure says why', () => {
  const text = otlpJson([{ ...SPAN, kind: 'client', parentSpanId: null, error: 'refused' }], {});
  expect(text).not.toContain('parentSpanId');
  expect(text).toContain('"kind":3');
  expect(text).toContain('"status":{"code":2,"message":"refused"}');
});
