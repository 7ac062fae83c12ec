/** The reasons Kubernetes gives in `status.details.causes[].reason`. */
export type CauseReason =
  | 'FieldValueRequired'
  | 'FieldValueInvalid'
  | 'FieldValueNotSupported'
  | 'FieldValueForbidden'
  | 'FieldValueDuplicate'
  | 'FieldValueTooLong'
  | 'FieldValueTooMany'
  | 'FieldValueTypeInvalid'
  | 'FieldManagerConflict'
  | 'FieldValueNotFound';

/** One entry of `status.details.causes`. `message` is complete without the field: `Invalid value: "x": must be ...`. */
export interface Cause {
  readonly reason: CauseReason;
  readonly message: string;
  readonly field: string;
}

/** The text Kubernetes makes of causes: `field: message` or `[a: b, c: d]`. */
export function formatCauses(causes: readonly Cause[]): string {
  const lines = [
    ...new Set(causes.map((cause) => (cause.field === '' ? cause.message : `${cause.field}: ${cause.message}`))),
  ];
  return lines.length === 1 ? lines[0]! : `[${lines.join(', ')}]`;
}

/** A value as Kubernetes quotes it in messages: strings and objects in JSON, numbers plain. */
function formatValue(value: unknown): string {
  if (value === undefined) return 'null';
  return JSON.stringify(value);
}

export const required = (field: string, detail = ''): Cause => ({
  reason: 'FieldValueRequired',
  message: detail === '' ? 'Required value' : `Required value: ${detail}`,
  field,
});

export const invalid = (field: string, value: unknown, detail: string): Cause => ({
  reason: 'FieldValueInvalid',
  message: `Invalid value: ${formatValue(value)}: ${detail}`,
  field,
});

export const typeInvalid = (field: string, value: unknown, detail: string): Cause => ({
  reason: 'FieldValueTypeInvalid',
  message: `Invalid value: ${formatValue(value)}: ${detail}`,
  field,
});

export const notSupported = (field: string, value: unknown, allowed: readonly string[]): Cause => ({
  reason: 'FieldValueNotSupported',
  message: `Unsupported value: ${formatValue(value)}: supported values: ${allowed.map((item) => JSON.stringify(item)).join(', ')}`,
  field,
});

export const forbidden = (field: string, detail: string): Cause => ({
  reason: 'FieldValueForbidden',
  message: `Forbidden: ${detail}`,
  field,
});

export const duplicate = (field: string, value: unknown): Cause => ({
  reason: 'FieldValueDuplicate',
  message: `Duplicate value: ${formatValue(value)}`,
  field,
});

export const tooLong = (field: string, maxLength: number): Cause => ({
  reason: 'FieldValueTooLong',
  message: `Too long: may not be more than ${maxLength} bytes`,
  field,
});

export const tooMany = (field: string, actual: number, max: number): Cause => ({
  reason: 'FieldValueTooMany',
  message: `Too many: ${actual}: must have at most ${max} items`,
  field,
});

export const notFound = (field: string, value: unknown): Cause => ({
  reason: 'FieldValueNotFound',
  message: `Not found: ${formatValue(value)}`,
  field,
});
