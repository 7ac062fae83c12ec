import type Koffi from 'koffi';

let koffi: typeof Koffi | null = null;

/** Loaded on first use, so that a program can say what is missing where koffi has no binary for the machine. */
function native(): typeof Koffi {
  // eslint-disable-next-line @typescript-eslint/no-require-imports -- an import would throw before anybody could say why
  return (koffi ??= require('koffi') as typeof Koffi);
}

/** A C function whose parameters and result are plain numbers; pointers are numbers too (user-space addresses fit 2^53). */
export type NativeFunction = (...args: readonly number[]) => number;

/**
 * The symbols of this process: libc, and what the `node` binary itself exports (libuv, OpenSSL). Only `libs/linux` and
 * `libs/tls` may bind functions; everything else calls their typed interfaces.
 */
export class NativeLibrary {
  readonly #library = native().load(null);

  /** Binds one function from a C-like declaration; write pointers as `int64_t`. Throws if the symbol does not exist. */
  bind(declaration: string): NativeFunction {
    return this.#library.func(declaration) as NativeFunction;
  }

  /** A C function pointer to `callback`, for the life of the process. Call it on the thread that made it only. */
  static callback(declaration: string, callback: (...args: number[]) => number | undefined): number {
    // koffi keeps type names for the whole process, so a named one could be declared only once in it.
    const anonymous = declaration.replace(/\w+\s*\(/, '(');
    const pointer = native().register(callback, native().pointer(native().proto(anonymous)));
    return Number(pointer);
  }

  /** `errno` of the last call on this thread; read it at once. */
  static errno(): number {
    return native().errno();
  }

  static addressOf(bytes: Uint8Array): number {
    return Number(native().address(bytes));
  }
}
