import type { Loop } from './loop.js';
import type { ToWorker } from './messages.js';
import type { Transport } from './transport.js';

export const ENGINE_NAMES = ['ffi', 'portable'] as const;
/** `ffi`: an epoll loop and OpenSSL by direct calls. `portable`: `node:net` and `node:tls`. */
export type EngineName = (typeof ENGINE_NAMES)[number];

/** What one worker runs on. */
export interface Engine {
  readonly loop: Loop;
  readonly transport: Transport;
  /** Runs until the loop is stopped, then `onEnd`. `onMail` gets what the main thread posts. */
  run(onMail: (message: ToWorker) => void, onEnd: () => void): void;
}
