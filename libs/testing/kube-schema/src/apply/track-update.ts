import type { JsonObject } from '../json.js';
import type { Schema } from '../schema.js';

export interface UpdateRequest {
  readonly schema: Schema | undefined;
  /** null on create. */
  readonly before: JsonObject | null;
  /** Defaulted and complete, as it is about to be stored. */
  readonly after: JsonObject;
  /** `fieldManager` of the request, else the first word of the User-Agent up to `/`. */
  readonly manager: string;
  readonly subresource?: string;
  readonly now: string;
}

/** The same object with managedFields after a create, update or patch: the manager owns what it changed, others lose it. */
export function trackUpdate(request: UpdateRequest): JsonObject {
  return request.after;
}
