export type SchemaType = 'object' | 'array' | 'string' | 'integer' | 'number' | 'boolean' | 'int-or-string' | 'any';

export interface CelRule {
  readonly rule: string;
  readonly message?: string;
  readonly messageExpression?: string;
  readonly reason?: string;
  readonly fieldPath?: string;
  readonly optionalOldSelf?: boolean;
}

/** What a value must be; checked on top of `type`. The names are those of OpenAPI. */
export interface SchemaChecks {
  readonly enum?: readonly unknown[];
  readonly pattern?: string;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: boolean;
  readonly exclusiveMaximum?: boolean;
  readonly multipleOf?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly uniqueItems?: boolean;
  readonly minProperties?: number;
  readonly maxProperties?: number;
  readonly allOf?: readonly Schema[];
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly not?: Schema;
  readonly rules?: readonly CelRule[];
}

/**
 * The one form of a type that merging, ownership, validation, pruning, defaulting and OpenAPI work on,
 * for built-in types and for custom resources alike. Built-in types may be cyclic, so walk along the data, never along the schema.
 */
export interface Schema extends SchemaChecks {
  readonly type: SchemaType;
  /** OpenAPI name of the type when it is shared, such as `io.k8s.api.core.v1.PodSpec`; else absent. */
  readonly definition?: string;
  readonly format?: string;
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  /** Values of a map whose keys are free. */
  readonly additional?: Schema;
  readonly items?: Schema;
  readonly required?: readonly string[];
  readonly default?: unknown;
  readonly nullable?: boolean;
  readonly preserveUnknown?: boolean;
  readonly embeddedResource?: boolean;
  /** At the root of a custom resource without the status subresource: `status` is a field like any other. */
  readonly plainStatus?: boolean;
  /** Lists: absent means atomic. */
  readonly listType?: 'atomic' | 'set' | 'map';
  readonly listMapKeys?: readonly string[];
  /** Maps and objects: absent means granular. */
  readonly mapType?: 'granular' | 'atomic';
  /** Strategic merge patch; absent means replace for lists and merge for objects. */
  readonly patchStrategy?: readonly ('merge' | 'replace' | 'retainKeys')[];
  readonly patchMergeKey?: string;
}
