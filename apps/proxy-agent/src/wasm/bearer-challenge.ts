/** What a registry asks for before it answers: the header `www-authenticate`. */
export interface Challenge {
  readonly scheme: 'basic' | 'bearer';
  readonly parameters: Readonly<Record<string, string>>;
}

/** The first that can be met; null: none. @see https://www.rfc-editor.org/rfc/rfc9110#section-11.6.1 */
export function parseChallenge(header: string): Challenge | null {
  const found = /(?:^|,)\s*(basic|bearer)(?:\s+|$)/i.exec(header);
  if (found === null) return null;
  const parameters: Record<string, string> = {};
  let rest = header.slice(found.index + found[0].length);
  for (let match = PARAMETER.exec(rest); match !== null; match = PARAMETER.exec(rest)) {
    const [whole, name = '', quoted, plain] = match;
    parameters[name.toLowerCase()] = quoted === undefined ? (plain ?? '') : quoted.replace(/\\(.)/gs, '$1');
    rest = rest.slice(whole.length);
  }
  return { scheme: found[1]!.toLowerCase() as Challenge['scheme'], parameters };
}

const PARAMETER = /^[\s,]*([\w!#$%&'*+.^`|~-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s",]+))/s;
