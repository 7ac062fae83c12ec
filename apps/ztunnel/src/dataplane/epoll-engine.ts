import { receiveMessageOnPort, type MessagePort } from 'node:worker_threads';
import { EPOLLIN, EventFd } from '@weft/linux';
import type { Engine } from './engine.js';
import { EpollTransport } from './epoll-transport.js';
import { EventLoop } from './event-loop.js';
import type { ToWorker } from './messages.js';

/** The ffi engine. It never returns to Node's own loop, so an eventfd tells it of mail. */
export class EpollEngine implements Engine {
  readonly loop: EventLoop;
  readonly transport: EpollTransport;

  constructor(
    report: (error: Error) => void,
    owned: Uint8Array,
    private readonly mail: { readonly port: MessagePort; readonly wakeFd: number },
  ) {
    this.loop = new EventLoop(report, owned);
    this.transport = new EpollTransport(this.loop);
  }

  run(onMail: (message: ToWorker) => void, onEnd: () => void): void {
    const wake = EventFd.fromDescriptor(this.mail.wakeFd);
    const onEvents = (): void => {
      wake.drain();
      this.#receive(onMail);
    };
    this.loop.watchForeign(wake.fd, EPOLLIN, { onEvents, onCrash: () => undefined });
    this.loop.run();
    onEnd();
  }

  #receive(onMail: (message: ToWorker) => void): void {
    for (;;) {
      const received = receiveMessageOnPort(this.mail.port) as { message: ToWorker } | undefined;
      if (received === undefined) return;
      onMail(received.message);
    }
  }
}
