import { RE2JS } from 're2js';

/** Of 100 that Envoy allows in CEL. Its engine compiles bytes and ours letters, so that sizes are not quite the same. */
const MAX_SIZE = 80;
/** What a class of nearly all letters is there. */
const WIDE = '(?:a{9})';
const WIDE_ATOM = /\\[DWS]|\\.|\[\^\]?(?:\\.|[^\]\\])*\]|\[\]?(?:\\.|[^\]\\])*\]|\./gs;
const IGNORES_CASE = /\(\?[A-Za-z]*i/;

/** Whether Envoy takes this in `matches` of an expression: only short ones of ASCII, so that it surely does. */
export function isSmallRegex(pattern: string): boolean {
  if (!/^[\x00-\x7f]*$/.test(pattern) || /\\[pPxC]/.test(pattern)) return false;
  const widened = pattern.replace(WIDE_ATOM, (atom) => (/^(?:\\[DWS]|\.|\[\^|\[.*\\[DWS])/s.test(atom) ? WIDE : atom));
  try {
    RE2JS.compile(pattern);
    return RE2JS.compile(widened).programSize() * (IGNORES_CASE.test(pattern) ? 4 : 1) <= MAX_SIZE;
  } catch {
    return false;
  }
}
