import { describe } from '../field-reader.js';
import { parseDuration } from '../schema/duration.js';
import type { Field } from '../schema/field.js';

const PATTERN = '^([0-9]{1,5}(h|m|s|ms)){1,4}$';
const SHAPE = new RegExp(PATTERN);

/** GEP-2257; read as milliseconds. `0s` switches the timeout off. */
export const gatewayDuration = (description: string): Field<number, false> => ({
  schema: { type: 'string', pattern: PATTERN, description },
  required: false,
  vital: false,
  read: (reader) => {
    const value = reader.text();
    if (value === undefined) return undefined;
    const ms = SHAPE.test(value) ? parseDuration(value) : null;
    if (ms === null) reader.error(`${describe(value)} is not a duration`, 'write 500ms, 10s or 1h30m');
    return ms ?? undefined;
  },
});
