import fc from 'fast-check';
import { BatchWriter, readBatch } from './batch-codec.js';
import type { FromWorker, InboundContext } from './messages.js';

const text = fc.string({ maxLength: 12 });
const count = fc.nat();
const maybe = <T>(key: string, value: fc.Arbitrary<T>) =>
  fc.option(value, { nil: undefined }).map((it) => (it === undefined ? {} : { [key]: it }));

const context: fc.Arbitrary<InboundContext> = fc
  .tuple(
    fc.record({
      podUid: text,
      transport: fc.constantFrom('hbone' as const, 'plaintext' as const),
      source: text,
      destination: text,
      peerIdentity: fc.option(text),
    }),
    maybe('authority', text),
    maybe('baggage', text),
  )
  .map(([base, authority, baggage]) => ({ ...base, ...authority, ...baggage }));
const few = fc.constantFrom<InboundContext>(
  ...['a', 'b'].map((name) => ({
    podUid: name,
    transport: 'hbone' as const,
    source: `${name}:1`,
    destination: `${name}:2`,
    peerIdentity: name,
  })),
);

const opened = fc
  .tuple(
    fc
      .tuple(
        fc.record({ connectionId: count, actualDestination: text, counterSlot: count }),
        maybe('verdictRevision', count),
      )
      .map(([ids, revision]) => ({ ...ids, ...revision })),
    fc.oneof(
      fc.oneof(few, context).map((inbound) => {
        const { podUid, transport, source, destination, peerIdentity } = inbound;
        return { podUid, transport, source, destination, peerIdentity, direction: 'inbound' as const, inbound };
      }),
      fc
        .record({ podUid: text, source: text, destination: text, peerIdentity: fc.option(text), inbound: few })
        .map((it) => ({ ...it, transport: 'hbone' as const, direction: 'inbound' as const })),
      fc
        .tuple(
          fc.record({
            podUid: text,
            source: text,
            destination: text,
            peerIdentity: fc.option(text),
            targetId: fc.nat(3),
          }),
          maybe('peerBaggage', text),
        )
        .map(([it, baggage]) => ({ ...it, ...baggage, transport: 'hbone' as const, direction: 'outbound' as const })),
    ),
  )
  .map(([ids, rest]): FromWorker => ({ type: 'connectionOpened', ...ids, ...rest }));
const closed = fc
  .tuple(
    fc.record({
      connectionId: count,
      counterSlot: count,
      receivedBytes: count,
      sentBytes: count,
      durationMs: count,
      why: text,
    }),
    maybe('error', text),
  )
  .map(([it, error]): FromWorker => ({ type: 'connectionClosed', flag: 'CONNECT', ...it, ...error }));
const other = text.map((message): FromWorker => ({ type: 'log', level: 'warn', message }));

describe('a batch of messages', () => {
  it('arrives as it was, in its order', () => {
    const writer = new BatchWriter();
    fc.assert(
      fc.property(fc.array(fc.oneof(opened, closed, other)), (messages) => {
        for (const message of messages) writer.add(message);
        expect(writer.count).toBe(messages.length);
        expect(readBatch(writer.take())).toEqual(messages);
        expect(writer.count).toBe(0);
      }),
    );
  });

  it('says once what many connections have in common', () => {
    const writer = new BatchWriter();
    const inbound = {
      podUid: 'p',
      transport: 'hbone',
      source: 's',
      destination: 'd',
      peerIdentity: 'SOMEBODY',
    } as const;
    for (let connectionId = 0; connectionId < 100; connectionId++) {
      const own = { connectionId, counterSlot: connectionId, direction: 'inbound', actualDestination: 'a' } as const;
      writer.add({ type: 'connectionOpened', ...inbound, ...own, inbound });
    }
    const batch = writer.take();
    expect(batch.split('SOMEBODY')).toHaveLength(2);
    const [first, second] = readBatch(batch);
    expect(first).toMatchObject({ connectionId: 0, inbound });
    expect((first as { inbound?: unknown }).inbound).toBe((second as { inbound?: unknown }).inbound);
  });
});
