import { MeshError } from '@weft/result';

/** Something the person at the terminal can act on; its message is all that is printed. */
export class CommandFailure extends MeshError {
  readonly code = 'WEFT_COMMAND_FAILED';
}
