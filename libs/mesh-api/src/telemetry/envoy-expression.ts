import { Environment, type ASTNode } from '@marcbachmann/cel-js';
import { isSmallRegex } from './cel-regex.js';

/** What is wrong with a CEL expression, and what to do. */
export interface ExpressionFault {
  /** `error`: Envoy would not take it. `warning`: it finds no value. */
  readonly severity: 'error' | 'warning';
  readonly fault: string;
  readonly cure: string;
}

type Problem = Omit<ExpressionFault, 'severity'>;

/** What an expression may begin with: attributes of the stock Envoy, and names of types. */
const ROOTS = new Set([
  ...['request', 'response', 'source', 'destination', 'connection', 'upstream', 'metadata', 'filter_state'],
  ...['upstream_filter_state', 'xds', 'plugin'],
  ...['bool', 'bytes', 'double', 'int', 'list', 'map', 'null_type', 'string', 'type', 'uint'],
]);
/** Functions by name, with the counts of their arguments. */
const GLOBALS: Readonly<Record<string, readonly number[]>> = {
  ...Object.fromEntries(
    ['size', 'int', 'uint', 'double', 'bool', 'bytes', 'timestamp', 'duration', 'type', 'dyn', 'has'].map((name) => [
      name,
      [1],
    ]),
  ),
  ...Object.fromEntries(['startsWith', 'endsWith', 'contains', 'matches'].map((name) => [name, [2]])),
};
const PARTS_OF_TIMES = ['FullYear', 'Month', 'Date', 'DayOfMonth', 'DayOfWeek', 'DayOfYear', 'Hours', 'Minutes'];
const METHODS: Readonly<Record<string, readonly number[]>> = {
  size: [0],
  ...Object.fromEntries(['startsWith', 'endsWith', 'contains', 'matches'].map((name) => [name, [1]])),
  ...Object.fromEntries([...PARTS_OF_TIMES, 'Seconds', 'Milliseconds'].map((name) => [`get${name}`, [0, 1]])),
};
const OF_RE: Readonly<Record<string, readonly number[]>> = { extract: [3], capture: [2], captureN: [2] };

const SYNTAX_CURE = 'write one such as response.code >= 400';
/** Envoy reads no deeper than about 32. */
const MAX_DEPTH = 30;
const MAX_INTEGER = 2n ** 63n - 1n;

const environment = new Environment({ unlistedVariablesAreDyn: true });

/**
 * Checks what Envoy would: it refuses the whole listener, and with it every service of the waypoint, for one expression that it
 * cannot compile. Stricter than Envoy where nobody needs more. Null: the expression is good.
 */
export function expressionFault(expression: string): ExpressionFault | null {
  let ast: ASTNode;
  try {
    ({ ast } = environment.parse(expression));
  } catch (thrown) {
    const [line = ''] = (thrown instanceof Error ? thrown.message : String(thrown)).split('\n', 1);
    return { severity: 'error', fault: `is not a CEL expression: ${line}`, cure: SYNTAX_CURE };
  }
  const error = depthFault(expression, ast) ?? firstFault(ast, ownFault);
  if (error !== null) return { severity: 'error', ...error };
  const warning = firstFault(ast, rootFault);
  return warning === null ? null : { severity: 'warning', ...warning };
}

function depthFault(expression: string, ast: ASTNode): Problem | null {
  if (bracketDepth(expression) + depthOf(ast) <= MAX_DEPTH) return null;
  return { fault: 'is nested too deeply', cure: `keep operators and brackets within ${MAX_DEPTH} levels` };
}

function firstFault<T>(node: ASTNode, ownFault: (node: ASTNode) => T | null): T | null {
  const own = ownFault(node);
  if (own !== null) return own;
  for (const child of childrenOf(node)) {
    const fault = firstFault(child, ownFault);
    if (fault !== null) return fault;
  }
  return null;
}

function rootFault(node: ASTNode): Problem | null {
  if (node.op !== 'id' || ROOTS.has(node.args)) return null;
  return { fault: `begins with ${node.args}, which Envoy does not know`, cure: `begin with one of ${ROOT_NAMES}` };
}

function ownFault(node: ASTNode): Problem | null {
  switch (node.op) {
    case 'value':
      return typeof node.args === 'bigint' && node.args > MAX_INTEGER
        ? { fault: `has the number ${node.args}, which has more than 64 bits`, cure: 'write a smaller one' }
        : null;
    case 'call':
      return callFault(node.args[0], node.args[1], GLOBALS, node.args[1][1]);
    case 'rcall': {
      const [name, receiver, args] = node.args;
      const ofRe = receiver.op === 'id' && receiver.args === 're';
      return callFault(name, args, ofRe ? OF_RE : METHODS, args[0]);
    }
    case '?:':
      return node.args[1].op === '?:'
        ? { fault: 'has a condition between ? and :', cure: 'turn it round, so that the second one comes after the :' }
        : null;
    default:
      return null;
  }
}

const ROOT_NAMES = [...ROOTS].slice(0, 10).join(', ');

function callFault(
  name: string,
  args: readonly ASTNode[],
  known: Readonly<Record<string, readonly number[]>>,
  pattern: ASTNode | undefined,
): Problem | null {
  if (!Object.hasOwn(known, name) || !known[name]!.includes(args.length))
    return {
      fault: `calls ${name} with ${args.length} arguments, which Envoy does not have`,
      cure: 'use startsWith, endsWith, contains, matches, size, has, in and comparisons',
    };
  if (name === 'has' && args[0]!.op !== '.')
    return { fault: 'calls has with something that is no field', cure: 'write has(request.headers)' };
  if (name === 'matches' && pattern?.op === 'value' && typeof pattern.args === 'string' && !isSmallRegex(pattern.args))
    return {
      fault: `has the regular expression ${pattern.args}, which is none of RE2 or too large`,
      cure: 'write a short one of ASCII, or use startsWith, endsWith and contains',
    };
  return null;
}

function childrenOf(node: ASTNode): readonly ASTNode[] {
  switch (node.op) {
    case 'value':
    case 'id':
      return [];
    case '.':
    case '.?':
      return [node.args[0]];
    case 'call':
      return node.args[1];
    case 'rcall': {
      const [, receiver, args] = node.args;
      return receiver.op === 'id' && receiver.args === 're' ? args : [receiver, ...args];
    }
    case 'map':
      return node.args.flat();
    case '!_':
    case '-_':
      return [node.args];
    default:
      return node.args;
  }
}

/** A row of `&&` or of `||` is one level. */
function depthOf(node: ASTNode, within?: string): number {
  const below = Math.max(0, ...childrenOf(node).map((child) => depthOf(child, node.op)));
  return node.op === within && (node.op === '&&' || node.op === '||') ? below : below + 1;
}

/** Of the text, brackets in literals included: the tree does not have those around operators any more. */
function bracketDepth(expression: string): number {
  let depth = 0;
  let deepest = 0;
  for (const char of expression) {
    if ('([{'.includes(char)) deepest = Math.max(deepest, ++depth);
    else if (')]}'.includes(char)) depth--;
  }
  return deepest;
}
