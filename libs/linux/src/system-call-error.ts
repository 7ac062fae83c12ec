import { MeshError } from '@weft/result';
import { errnoName } from './errno.js';
import { NativeLibrary } from './native-library.js';

/** A system call refused. Decide on `errnoName` (`ECONNREFUSED`, `EPERM`, ...), never on the message. */
export class SystemCallError extends MeshError {
  readonly code = 'LINUX_SYSTEM_CALL';
  readonly errnoName: string;

  constructor(
    readonly call: string,
    readonly errno: number,
    readonly detail = '',
  ) {
    super(`${call}${detail === '' ? '' : ` ${detail}`}: ${errnoName(errno)}`);
    this.errnoName = errnoName(errno);
  }
}

/** The result of a call, or SystemCallError when it is negative. Call it with nothing between it and the system call. */
export function checked(result: number, call: string, detail?: string): number {
  if (result >= 0) return result;
  throw new SystemCallError(call, NativeLibrary.errno(), detail);
}

/** The result of a call, or `-errno`: for hot paths, where an expected refusal must not cost an exception. */
export function negativeErrno(result: number): number {
  return result >= 0 ? result : -NativeLibrary.errno();
}
