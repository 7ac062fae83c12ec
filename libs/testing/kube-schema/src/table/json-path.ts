import { isObject } from '../json.js';

type Step =
  | { readonly kind: 'key'; readonly key: string }
  | { readonly kind: 'index'; readonly index: number }
  | { readonly kind: 'all' }
  | { readonly kind: 'filter'; readonly path: readonly Step[]; readonly operator: string; readonly value: unknown };

/**
 * The simple JSON paths of `additionalPrinterColumns`: `.a.b`, `['a.b']`, `[0]`, `[-1]`, `[*]`, `[?(@.type=="Ready")]`.
 * A path outside this subset finds nothing.
 */
export function findByJsonPath(path: string, value: unknown): readonly unknown[] {
  const steps = parsePath(path);
  return steps === undefined ? [] : walk(steps, [value]);
}

const TOKEN =
  /\.(?<name>[\w$-]+(?:\\\.[\w$-]+)*|\*)|\[(?<quote>['"])(?<quoted>[^'"]*)\k<quote>\]|\[(?<index>-?\d+)\]|\[(?<star>\*)\]|\[\?\(@(?<filter>[^=!<>)]*)\s*(?<operator>==|!=)\s*(?<literal>"[^"]*"|'[^']*'|[\w.-]+)\s*\)\]/y;

function parsePath(path: string): readonly Step[] | undefined {
  const text = path
    .trim()
    .replace(/^\{|\}$/g, '')
    .replace(/^\$/, '');
  const steps: Step[] = [];
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < text.length) {
    const groups = TOKEN.exec(text)?.groups;
    if (groups === undefined) return undefined;
    const step = stepOf(groups);
    if (step === undefined) return undefined;
    // A filter reads a path of its own, which moves the shared position.
    const resume = TOKEN.lastIndex;
    steps.push(step());
    TOKEN.lastIndex = resume;
  }
  return steps;
}

function stepOf(groups: Readonly<Record<string, string | undefined>>): (() => Step) | undefined {
  const { name, quoted, index, star, filter, operator, literal } = groups;
  if (star !== undefined || name === '*') return () => ({ kind: 'all' });
  if (name !== undefined) return () => ({ kind: 'key', key: name.replaceAll('\\.', '.') });
  if (quoted !== undefined) return () => ({ kind: 'key', key: quoted });
  if (index !== undefined) return () => ({ kind: 'index', index: Number(index) });
  if (filter === undefined || operator === undefined || literal === undefined) return undefined;
  return () => ({ kind: 'filter', path: parsePath(filter.trim()) ?? [], operator, value: literalOf(literal) });
}

function literalOf(text: string): unknown {
  if (/^["']/.test(text)) return text.slice(1, -1);
  if (text === 'true' || text === 'false') return text === 'true';
  const number = Number(text);
  return Number.isNaN(number) ? text : number;
}

function walk(steps: readonly Step[], values: readonly unknown[]): readonly unknown[] {
  return steps.reduce<readonly unknown[]>((found, step) => found.flatMap((value) => take(step, value)), values);
}

function take(step: Step, value: unknown): readonly unknown[] {
  switch (step.kind) {
    case 'key':
      return isObject(value) && Object.hasOwn(value, step.key) ? [value[step.key]] : [];
    case 'index': {
      const item: unknown = Array.isArray(value) ? value.at(step.index) : undefined;
      return item === undefined ? [] : [item];
    }
    case 'all':
      return Array.isArray(value) ? (value as readonly unknown[]) : isObject(value) ? Object.values(value) : [];
    case 'filter':
      return Array.isArray(value) ? (value as readonly unknown[]).filter((item) => holds(step, item)) : [];
  }
}

function holds(step: Extract<Step, { kind: 'filter' }>, item: unknown): boolean {
  const [found] = walk(step.path, [item]);
  return step.operator === '==' ? found === step.value : found !== undefined && found !== step.value;
}
