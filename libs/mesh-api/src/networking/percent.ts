import { refined } from '../schema/field.js';
import { object } from '../schema/object-field.js';
import { number } from '../schema/scalar-fields.js';

/** Envoy counts in millionths. */
const SMALLEST = 0.0001;

export const percent = (description: string) =>
  object(description, {
    value: refined(number('Percent.', -Infinity, Infinity), (value, reader) => {
      if (value === 0 || (value >= SMALLEST && value <= 100)) return value;
      reader.error(`${value} is not a percentage`, `write 0, or a number from ${SMALLEST} to 100`);
      return undefined;
    }),
  });
