import { RE2JS } from 're2js';

/** As the bootstrap of proxies sets it (`re2.max_program_size.error_level`). */
const MAX_PROGRAM = 32_768;
const MAX_LENGTH = 4096;

/** Whether Envoy takes the expression. One that it does not would make it refuse every route of the service. */
export function isUsableRegex(text: string): boolean {
  if (text.length > MAX_LENGTH) return false;
  try {
    return RE2JS.compile(text).programSize() <= MAX_PROGRAM;
  } catch {
    return false;
  }
}
