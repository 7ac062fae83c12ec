import { packAny } from './any.js';

/** A `typed_config` under its name: filters, transport sockets, matcher inputs and actions all have this form. */
export function filter<P, T>(
  name: string,
  type: Parameters<typeof packAny<P, T>>[0],
  partial: NoInfer<P>,
): {
  name: string;
  configType: { $case: 'typedConfig'; value: ReturnType<typeof packAny> };
} {
  return { name, configType: { $case: 'typedConfig', value: packAny(type, partial) } };
}

/** The same for fields of type TypedExtensionConfig. */
export function extension<P, T>(
  name: string,
  type: Parameters<typeof packAny<P, T>>[0],
  partial: NoInfer<P>,
): { name: string; typedConfig: ReturnType<typeof packAny> } {
  return { name, typedConfig: packAny(type, partial) };
}
