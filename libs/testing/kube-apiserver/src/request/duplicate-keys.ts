import { badRequest } from '../status-error.js';

/** Deeper documents are refused, so that nothing that walks an object can run out of stack. */
const MAX_DEPTH = 500;

/**
 * Finds keys that a JSON text gives twice in one object, as `a.b[0].c`. JSON.parse keeps the last one silently, strict field
 * validation must not. The text must already be known to parse.
 */
export function duplicateKeys(text: string): readonly string[] {
  const found = new Set<string>();
  let at = 0;
  const skip = (): void => {
    while (at < text.length && ' \t\r\n'.includes(text[at]!)) at++;
  };
  const string = (): string => {
    const start = at++;
    while (text[at] !== '"') at += text[at] === '\\' ? 2 : 1;
    at++;
    return JSON.parse(text.slice(start, at)) as string;
  };
  /** Walks with an explicit stack: depth is the client's choice. */
  const stack: { keys: Set<string> | null; index: number; path: string; key: string }[] = [];
  const pathHere = (): string => {
    const top = stack.at(-1);
    if (top === undefined) return '';
    if (top.keys === null) return `${top.path}[${top.index}]`;
    return top.path === '' ? top.key : `${top.path}.${top.key}`;
  };
  while (at < text.length) {
    skip();
    const character = text[at];
    if (character === undefined) break;
    if (character === '{' || character === '[') {
      const path = pathHere();
      at++;
      if (stack.length >= MAX_DEPTH) throw badRequest(`json: exceeded max depth of ${MAX_DEPTH}`);
      stack.push({ keys: character === '{' ? new Set() : null, index: 0, path, key: '' });
      if (character === '{') readKey();
    } else if (character === '}' || character === ']') {
      at++;
      stack.pop();
    } else if (character === ',') {
      at++;
      const top = stack.at(-1)!;
      if (top.keys === null) top.index++;
      else readKey();
    } else if (character === '"') string();
    else at++;
  }
  return [...found];

  function readKey(): void {
    skip();
    const top = stack.at(-1)!;
    if (text[at] !== '"' || top.keys === null) return;
    top.key = string();
    if (top.keys.has(top.key)) found.add(pathHere());
    top.keys.add(top.key);
    skip();
    at++;
  }
}
