import { Registry } from 'prom-client';
import type { ConnectionOpened } from '../dataplane/messages.js';
import type { Traffic } from '../telemetry/traffic-labels.js';
import { TrafficMetrics } from '../telemetry/traffic-metrics.js';
import { ConnectionTable } from './connection-table.js';

const traffic: Traffic = {
  reporter: 'source',
  source: null,
  sourceBaggage: null,
  sourcePrincipal: null,
  destination: null,
  destinationBaggage: null,
  destinationPrincipal: null,
  service: null,
  mutualTls: true,
};

function opened(connectionId: number, counterSlot: number, fields: Partial<ConnectionOpened> = {}): ConnectionOpened {
  return {
    type: 'connectionOpened',
    connectionId,
    counterSlot,
    podUid: 'client',
    direction: 'outbound',
    transport: 'hbone',
    source: `10.0.0.1:${40_000 + connectionId}`,
    destination: '10.96.0.1:80',
    actualDestination: '10.0.0.2:15008',
    targetId: 3,
    peerIdentity: 'spiffe://cluster.local/ns/shop/sa/server',
    ...fields,
  };
}

const closed = (connectionId: number, counterSlot: number, receivedBytes = 0, sentBytes = 0) => ({
  type: 'connectionClosed' as const,
  connectionId,
  counterSlot,
  receivedBytes,
  sentBytes,
  durationMs: 1,
  flag: 'none' as const,
  why: 'completed',
});

class Counted {
  bytes = { received: 0, sent: 0 };
  received(bytes: number): void {
    this.bytes.received += bytes;
  }
  sent(bytes: number): void {
    this.bytes.sent += bytes;
  }
}

describe('ConnectionTable', () => {
  const about = (bytes = new Counted()) => ({ traffic, authority: 'server:80', bytes });

  it('gives each connection back as it was opened, also where it has most in common with others', () => {
    const table = new ConnectionTable(8);
    const all = [
      opened(1, 0),
      opened(2, 1),
      opened(3, 2, { source: '[fd00::1]:9' }),
      opened(4, 5, { destination: '10.96.0.2:80' }),
      opened(5, 6, { direction: 'inbound', peerIdentity: null }),
      opened(6, 7, { trace: '00-1-2-01' }),
    ];
    for (const one of all) table.add(one, 1, about());
    expect(table.size).toBe(6);
    const found = new Map([...table.all()].map((connection) => [connection.connectionId, connection]));
    for (const one of all) {
      const { podUid, direction, transport, destination, actualDestination, peerIdentity, trace } = one;
      expect(found.get(one.connectionId)).toEqual({
        connectionId: one.connectionId,
        counterSlot: one.counterSlot,
        workerIndex: 1,
        source: one.source,
        details: {
          podUid,
          direction,
          transport,
          destination,
          actualDestination,
          peerIdentity,
          ...(trace === undefined ? {} : { trace }),
        },
        traffic,
        authority: 'server:80',
      });
    }
  });

  it('keeps what connections have in common once', () => {
    const table = new ConnectionTable(8);
    const shared = about();
    const [first, second] = [opened(1, 0), opened(2, 1)].map((one) => table.add(one, 0, shared));
    expect(second!.details).toBe(first!.details);
  });

  it('counts what came since the last time, and the rest when it closes', () => {
    const table = new ConnectionTable(8);
    const bytes = new Counted();
    table.add(opened(1, 2), 0, about(bytes));
    const cells = new Float64Array(16);
    [cells[4], cells[5]] = [10, 3];
    table.countBytes([cells]);
    table.countBytes([cells]);
    expect(bytes.bytes).toEqual({ received: 10, sent: 3 });
    expect(table.close(closed(1, 2, 12, 3), 0)?.source).toBe('10.0.0.1:40001');
    expect(bytes.bytes).toEqual({ received: 12, sent: 3 });
  });

  it('counts a slot that is used again from nothing', () => {
    const table = new ConnectionTable(8);
    table.add(opened(1, 2), 0, about());
    table.close(closed(1, 2, 100, 100), 0);
    const bytes = new Counted();
    table.add(opened(2, 2), 0, about(bytes));
    table.close(closed(2, 2, 7, 0), 0);
    expect(bytes.bytes).toEqual({ received: 7, sent: 0 });
  });

  it('an end that is not of the connection in the slot, or of another worker, changes nothing', () => {
    const table = new ConnectionTable(8);
    table.add(opened(1, 2), 0, about());
    expect(table.close(closed(9, 2), 0)).toBeNull();
    expect(table.close(closed(1, 3), 0)).toBeNull();
    expect(table.close(closed(1, 2), 1)).toBeNull();
    expect(table.size).toBe(1);
    expect(table.close(closed(1, 2), 0)).not.toBeNull();
    expect(table.close(closed(1, 2), 0)).toBeNull();
    expect([...table.all()]).toEqual([]);
  });

  it('bytes reach the series of the metrics', async () => {
    const registry = new Registry();
    const metrics = new TrafficMetrics(registry, () => undefined);
    const table = new ConnectionTable(8);
    table.add(opened(1, 0), 0, { traffic, authority: null, bytes: metrics.opened(traffic) });
    table.countBytes([new Float64Array([5, 0])]);
    expect(await registry.metrics()).toMatch(/istio_tcp_received_bytes_total\{.*\} 5\n/);
  });
});
