/** Why a patch was refused: 400 BadRequest when the patch itself is malformed, 422 Invalid when it does not fit the object. */
export interface PatchError {
  readonly status: 400 | 422;
  readonly reason: 'BadRequest' | 'Invalid';
  readonly message: string;
}

export const malformedPatch = (message: string): PatchError => ({ status: 400, reason: 'BadRequest', message });
export const unfitPatch = (message: string): PatchError => ({ status: 422, reason: 'Invalid', message });
