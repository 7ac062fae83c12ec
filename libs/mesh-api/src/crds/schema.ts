import type { JsonSchema } from '../schema/json-schema.js';

export type { JsonSchema };

export const text = (description: string, more: Partial<JsonSchema> = {}): JsonSchema => ({
  type: 'string',
  description,
  ...more,
});
export const flag = (description: string): JsonSchema => ({ type: 'boolean', description });
export const choice = (description: string, values: readonly string[]): JsonSchema =>
  text(description, { enum: values });
export const texts = (description: string): JsonSchema => ({ type: 'array', description, items: { type: 'string' } });
export const integer = (description: string, minimum: number, maximum: number): JsonSchema => ({
  type: 'integer',
  description,
  minimum,
  maximum,
});
/** Kubernetes refuses bounds above 2^31-1 for int32. */
export const uint32 = (description: string): JsonSchema => ({
  type: 'integer',
  format: 'int64',
  description,
  minimum: 0,
  maximum: 4_294_967_295,
});
export const textMap = (description: string): JsonSchema => ({
  type: 'object',
  description,
  additionalProperties: { type: 'string' },
});
export const list = (description: string, items: JsonSchema, more: Partial<JsonSchema> = {}): JsonSchema => ({
  type: 'array',
  description,
  items,
  ...more,
});
export const object = (
  description: string,
  properties: Readonly<Record<string, JsonSchema>>,
  required: readonly string[] = [],
): JsonSchema => ({ type: 'object', description, properties, ...(required.length > 0 && { required }) });

/** Conditions merge by type, so that several writers share the list. */
export const conditionsSchema: JsonSchema = list(
  'The state by condition type.',
  object(
    'One aspect of the state.',
    {
      type: text('What the condition speaks of.'),
      status: choice('Whether it holds.', ['True', 'False', 'Unknown']),
      reason: text('Why, in one word.'),
      message: text('Why, for people: the field and the cure.'),
      observedGeneration: {
        type: 'integer',
        format: 'int64',
        description: 'The generation that the condition speaks of.',
      },
      lastTransitionTime: text('When the status last changed.', { format: 'date-time' }),
      lastProbeTime: text('When it was last looked at.', { format: 'date-time' }),
    },
    ['type', 'status'],
  ),
  { 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['type'] },
);

/** `status` of every mesh resource. */
export const statusSchema: JsonSchema = {
  type: 'object',
  description: 'What the mesh made of the resource. Written by the control plane.',
  'x-kubernetes-preserve-unknown-fields': true,
  properties: {
    observedGeneration: { type: 'integer', format: 'int64', description: 'The generation that the status speaks of.' },
    conditions: conditionsSchema,
    validationMessages: list('Findings of analysis.', { type: 'object', 'x-kubernetes-preserve-unknown-fields': true }),
  },
};

export const matchLabels = object('Selects workloads by their labels, all of which must be equal.', {
  matchLabels: textMap('Label values; no wildcards.'),
});
