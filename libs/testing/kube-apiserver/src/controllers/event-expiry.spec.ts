import { asKubeObject } from '../kube-object.js';
import { Store } from '../storage/store.js';
import { EventExpiry } from './event-expiry.js';

describe('EventExpiry', () => {
  it('an Event goes an hour after it was last seen, whichever field says so', () => {
    const now = new Date('2026-01-01T12:00:00Z');
    const store = new Store(10);
    const bucket = store.bucket('events');
    const event = (name: string, fields: object): void => {
      const metadata = { name, namespace: 'default', creationTimestamp: '2026-01-01T09:00:00Z' };
      store.put(bucket, asKubeObject({ apiVersion: 'v1', kind: 'Event', metadata, ...fields }));
    };
    event('old', {});
    event('seen-again', { lastTimestamp: '2026-01-01T11:30:00Z' });
    event('series', { series: { lastObservedTime: '2026-01-01T11:59:00.000000Z' } });
    event('old-series', { eventTime: '2026-01-01T10:59:00Z' });
    new EventExpiry(store, () => now).sweep();
    expect(bucket.list().map(({ name }) => name)).toEqual(['seen-again', 'series']);
  });
});
