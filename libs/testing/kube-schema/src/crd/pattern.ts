import { err, ok, type Result } from '@weft/result';

const CLASSES: Readonly<Record<string, string>> = {
  alnum: 'A-Za-z0-9',
  alpha: 'A-Za-z',
  ascii: '\\x00-\\x7F',
  blank: ' \\t',
  cntrl: '\\x00-\\x1F\\x7F',
  digit: '0-9',
  graph: '!-~',
  lower: 'a-z',
  print: ' -~',
  punct: '!-\\/:-@\\[-`{-~',
  space: '\\s',
  upper: 'A-Z',
  word: '\\w',
  xdigit: 'A-Fa-f0-9',
};

/**
 * A pattern in Go's syntax as a JavaScript expression: `(?i)` and `(?s)` at the start, `(?P<n>...)`, `\A`, `\z` and the POSIX classes are translated.
 * What Go does not have (look-around, back-references) is refused, so that a schema accepted here is accepted by a real server.
 */
export function compilePattern(pattern: string): Result<RegExp, string> {
  if (/\(\?<?[=!]/.test(pattern)) return err('error parsing regexp: invalid or unsupported Perl syntax');
  if (/(^|[^\\])(\\\\)*\\[1-9]/.test(pattern)) return err('error parsing regexp: invalid escape sequence');
  let flags = '';
  let source = pattern.replace(/^\(\?([ims]+)\)/, (_all, letters: string) => {
    flags = letters;
    return '';
  });
  source = source
    .replace(/\(\?P</g, '(?<')
    .replace(/\[:(\^?)(\w+):\]/g, (all, _negated, name: string) => CLASSES[name] ?? all)
    .replace(/\\A/g, '^')
    .replace(/\\z/g, '$');
  try {
    return ok(new RegExp(source, withUnicode(source, flags)));
  } catch (thrown) {
    return err(`error parsing regexp: ${thrown instanceof Error ? thrown.message : String(thrown)}`);
  }
}

/** Unicode mode counts runes as Go does, but refuses escapes such as `\-` that Go takes. */
function withUnicode(source: string, flags: string): string {
  try {
    new RegExp(source, `${flags}u`);
    return `${flags}u`;
  } catch {
    return flags;
  }
}
