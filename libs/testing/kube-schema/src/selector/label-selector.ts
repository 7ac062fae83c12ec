import { err, ok, type Result } from '@weft/result';
import { asList, asString, isObject } from '../json.js';
import { labelValueProblems, qualifiedNameProblems } from '../names.js';

export interface LabelRequirement {
  readonly key: string;
  readonly operator: 'in' | 'notin' | 'exists' | '!' | '=' | '!=' | 'gt' | 'lt';
  readonly values: readonly string[];
}

/** All requirements must hold; none at all matches everything. */
export type LabelSelector = readonly LabelRequirement[];

const TOKEN = /\s*(==|!=|=|!|\(|\)|,|>|<|[^\s=!(),<>]+)/y;

class Tokens {
  readonly #items: string[] = [];
  #next = 0;

  constructor(text: string) {
    TOKEN.lastIndex = 0;
    for (let match = TOKEN.exec(text); match !== null; match = TOKEN.exec(text)) this.#items.push(match[1]!);
  }

  peek(): string {
    return this.#items[this.#next] ?? '';
  }

  take(): string {
    const token = this.peek();
    this.#next++;
    return token;
  }

  isAtEnd(): boolean {
    return this.#next >= this.#items.length;
  }
}

const isWord = (token: string): boolean => token !== '' && !/^[=!(),<>]/.test(token);

class SelectorSyntaxError extends Error {}

/** `a=b,c!=d,e in (f,g),h,!i`. The error is Kubernetes' message (400). */
export function parseLabelSelector(text: string): Result<LabelSelector, string> {
  const tokens = new Tokens(text);
  const requirements: LabelRequirement[] = [];
  try {
    while (!tokens.isAtEnd()) {
      requirements.push(readRequirement(tokens));
      if (tokens.isAtEnd()) break;
      const separator = tokens.take();
      if (separator !== ',') throw new SelectorSyntaxError(`found '${separator}', expected: ',' or 'end of string'`);
      if (tokens.isAtEnd()) throw new SelectorSyntaxError(`found '', expected: identifier after ','`);
    }
  } catch (thrown) {
    if (thrown instanceof SelectorSyntaxError) return err(`unable to parse requirement: ${thrown.message}`);
    throw thrown;
  }
  const problem = requirements.map((item) => requirementProblem(item)).find((item) => item !== undefined);
  return problem === undefined ? ok(requirements) : err(`unable to parse requirement: ${problem}`);
}

function readRequirement(tokens: Tokens): LabelRequirement {
  const negated = tokens.peek() === '!';
  if (negated) tokens.take();
  const key = tokens.take();
  if (!isWord(key)) throw new SelectorSyntaxError(`found '${key}', expected: identifier`);
  const operator = tokens.peek();
  if (negated) return { key, operator: '!', values: [] };
  if (operator === '' || operator === ',') return { key, operator: 'exists', values: [] };
  tokens.take();
  switch (operator) {
    case 'in':
    case 'notin':
      return { key, operator, values: readSet(tokens) };
    case '=':
    case '==':
      return { key, operator: '=', values: [readValue(tokens)] };
    case '!=':
      return { key, operator, values: [readValue(tokens)] };
    case '>':
      return { key, operator: 'gt', values: [readValue(tokens)] };
    case '<':
      return { key, operator: 'lt', values: [readValue(tokens)] };
    default:
      throw new SelectorSyntaxError(`found '${operator}', expected: in, notin, =, ==, !=, gt, lt`);
  }
}

/** A value may be empty: `a=`, `a=,b=c`. */
function readValue(tokens: Tokens): string {
  const next = tokens.peek();
  if (next === '' || next === ',') return '';
  if (!isWord(next)) throw new SelectorSyntaxError(`found '${next}', expected: identifier`);
  return tokens.take();
}

function readSet(tokens: Tokens): readonly string[] {
  const open = tokens.take();
  if (open !== '(') throw new SelectorSyntaxError(`found '${open}' expected: '('`);
  const values: string[] = [];
  for (;;) {
    if (isWord(tokens.peek())) values.push(tokens.take());
    else if (tokens.peek() === ',' || tokens.peek() === ')') values.push('');
    const next = tokens.take();
    if (next === ')') return [...new Set(values)].sort();
    if (next !== ',') throw new SelectorSyntaxError(`found '${next}', expected: ',', ')' or identifier`);
  }
}

function requirementProblem(requirement: LabelRequirement): string | undefined {
  const keyProblem = qualifiedNameProblems(requirement.key)[0];
  if (keyProblem !== undefined) return `<nil>: Invalid value: ${JSON.stringify(requirement.key)}: ${keyProblem}`;
  for (const value of requirement.values) {
    if (requirement.operator === 'gt' || requirement.operator === 'lt') {
      if (/^[-+]?\d+$/.test(value)) continue;
      return `values[0][${requirement.key}]: Invalid value: ${JSON.stringify(value)}: for 'Gt', 'Lt' operators, the value must be an integer`;
    }
    const problem = labelValueProblems(value)[0];
    if (problem !== undefined) {
      return `values[0][${requirement.key}]: Invalid value: ${JSON.stringify(value)}: ${problem}`;
    }
  }
  return undefined;
}

/** A LabelSelector object (`matchLabels`, `matchExpressions`); `undefined` or null matches nothing, `{}` everything. */
export function labelSelectorOf(selector: unknown): Result<LabelSelector | 'nothing', string> {
  if (selector === undefined || selector === null) return ok('nothing');
  if (!isObject(selector)) return err('a label selector must be an object');
  const requirements: LabelRequirement[] = [];
  const labels = selector['matchLabels'];
  if (isObject(labels)) {
    for (const [key, value] of Object.entries(labels)) {
      requirements.push({ key, operator: '=', values: [asString(value)] });
    }
  }
  for (const item of asList(selector['matchExpressions'])) {
    const read = expressionOf(item);
    if (!read.ok) return read;
    requirements.push(read.value);
  }
  return ok(requirements);
}

function expressionOf(item: unknown): Result<LabelRequirement, string> {
  const expression = isObject(item) ? item : {};
  const key = asString(expression['key']);
  const values = asList(expression['values']).map((value) => asString(value));
  switch (expression['operator']) {
    case 'In':
    case 'NotIn':
      if (values.length === 0)
        return err(`values: Invalid value: []: for 'in', 'notin' operators, values set can't be empty`);
      return ok({ key, operator: expression['operator'] === 'In' ? 'in' : 'notin', values });
    case 'Exists':
      return ok({ key, operator: 'exists', values: [] });
    case 'DoesNotExist':
      return ok({ key, operator: '!', values: [] });
    default:
      return err(`${JSON.stringify(expression['operator'] ?? '')} is not a valid label selector operator`);
  }
}

export function matchesLabels(selector: LabelSelector | 'nothing', labels: unknown): boolean {
  if (selector === 'nothing') return false;
  const of = isObject(labels) ? labels : {};
  return selector.every((requirement) => {
    const value = Object.hasOwn(of, requirement.key) ? of[requirement.key] : undefined;
    return matchesRequirement(requirement, typeof value === 'string' ? value : undefined);
  });
}

function matchesRequirement({ operator, values }: LabelRequirement, value: string | undefined): boolean {
  switch (operator) {
    case 'exists':
      return value !== undefined;
    case '!':
      return value === undefined;
    case 'in':
    case '=':
      return value !== undefined && values.includes(value);
    case 'notin':
    case '!=':
      return value === undefined || !values.includes(value);
    case 'gt':
      return value !== undefined && /^[-+]?\d+$/.test(value) && BigInt(value) > BigInt(values[0]!);
    case 'lt':
      return value !== undefined && /^[-+]?\d+$/.test(value) && BigInt(value) < BigInt(values[0]!);
  }
}

/** The text form of a LabelSelector object; empty when it has no requirements or is no selector. */
export function labelSelectorText(selector: unknown): string {
  const read = labelSelectorOf(selector);
  if (!read.ok || read.value === 'nothing') return '';
  return read.value.map((requirement) => requirementText(requirement)).join(',');
}

function requirementText({ key, operator, values }: LabelRequirement): string {
  switch (operator) {
    case 'exists':
      return key;
    case '!':
      return `!${key}`;
    case 'in':
    case 'notin':
      return `${key} ${operator} (${[...values].sort().join(',')})`;
    case 'gt':
      return `${key}>${values[0]!}`;
    case 'lt':
      return `${key}<${values[0]!}`;
    default:
      return `${key}${operator}${values[0]!}`;
  }
}
