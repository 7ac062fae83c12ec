import type { Service } from '@weft/runtime';
import type { FromWorker, ToWorker } from '../dataplane/messages.js';
import type { DataPlanePort } from '../pods/data-plane-port.js';

/** Records what it is told; a test speaks for the workers through `say`. Pods are up at once unless `failPods` names an error. */
export class FakeDataPlane implements DataPlanePort, Service {
  readonly name = 'fake data plane';
  readonly counters = [new Float64Array(64)];
  readonly sent: ToWorker[] = [];
  failPods: string | null = null;
  /** Who gets what workers say. */
  say: (message: FromWorker, workerIndex?: number) => void = () => undefined;

  send(message: ToWorker): void {
    this.sent.push(message);
    if (message.type === 'drain') this.say({ type: 'drained' }, 0);
    if (message.type !== 'addPod') return;
    const { podUid } = message;
    queueMicrotask(() => {
      if (this.failPods === null) this.say({ type: 'podAdded', podUid }, 0);
      else this.say({ type: 'podFailed', podUid, error: this.failPods }, 0);
    });
  }

  of<T extends ToWorker['type']>(type: T): Extract<ToWorker, { type: T }>[] {
    return this.sent.filter((message): message is Extract<ToWorker, { type: T }> => message.type === type);
  }

  profile(workerIndex: number, kind: 'cpu' | 'heap'): Promise<string | null> {
    return Promise.resolve(workerIndex === 0 ? JSON.stringify({ kind }) : null);
  }

  settle(): Promise<void> {
    return Promise.resolve();
  }

  start(): Promise<void> {
    return Promise.resolve();
  }

  stop(): Promise<void> {
    return Promise.resolve();
  }
}
