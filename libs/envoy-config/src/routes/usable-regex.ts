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

/** Whether what is put in place of a match refers only to groups that there are, as `\\1`. A backslash is written twice. */
export function isUsableRewrite(regex: string, substitution: string): boolean {
  if (!isUsableRegex(regex)) return false;
  const groups = RE2JS.compile(regex).groupCount();
  const references = /\\(?:\\|(\d))/g;
  const rest = substitution.replaceAll(references, (all, digit?: string) =>
    digit === undefined || Number(digit) <= groups ? '' : all,
  );
  return !rest.includes('\\');
}
