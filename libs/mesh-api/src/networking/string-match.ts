import type { TypeOf } from '../schema/field.js';
import { REGEX } from '../schema/format.js';
import { object } from '../schema/object-field.js';
import { text } from '../schema/scalar-fields.js';

export const stringMatch = (description: string) =>
  object(
    description,
    {
      exact: text('Equal to this.'),
      prefix: text('Starts with this.'),
      regex: text('Matched as a whole by this RE2 expression.', { format: REGEX }),
    },
    { atMostOne: [['exact', 'prefix', 'regex']], whole: true },
  );

/** Without any field it asks for presence. */
export type StringMatch = TypeOf<ReturnType<typeof stringMatch>>;
