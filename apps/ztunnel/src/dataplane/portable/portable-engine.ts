import type { MessagePort } from 'node:worker_threads';
import type { Engine } from '../engine.js';
import type { ToWorker } from '../messages.js';
import { NodeLoop } from './node-loop.js';
import { NodeTransport } from './node-transport.js';

/** The portable engine: everything happens on Node's own loop. */
export class PortableEngine implements Engine {
  readonly loop: NodeLoop;
  readonly transport: NodeTransport;

  constructor(
    report: (error: Error) => void,
    owned: Uint8Array,
    private readonly port: MessagePort,
  ) {
    this.loop = new NodeLoop(report, owned);
    this.transport = new NodeTransport(this.loop);
  }

  run(onMail: (message: ToWorker) => void, onEnd: () => void): void {
    this.loop.onStop = onEnd;
    const quiet = { onCrash: () => undefined };
    this.port.on('message', (message: ToWorker) => this.loop.dispatch(quiet, () => onMail(message)));
  }
}
