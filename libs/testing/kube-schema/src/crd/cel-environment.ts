import { Environment, EvaluationError } from '@marcbachmann/cel-js';
import { err, ok, type Result } from '@weft/result';

export type CelProgram = (variables: Readonly<Record<string, unknown>>) => Result<unknown, string>;

/** Text that is not a URL reads as one without parts, so that rules can ask `isURL` first. */
class CelUrl {
  readonly parsed: URL | undefined;

  constructor(text: string) {
    this.parsed = URL.canParse(text) ? new URL(text) : undefined;
  }
}

const isUrl = (text: string): boolean => /^[a-zA-Z][\w+.-]*:\/\//.test(text) && URL.canParse(text);

let environment: Environment | undefined;

/** The expression language of Kubernetes as far as it is evaluated here. Made on first use. */
function celEnvironment(): Environment {
  environment ??= new Environment({
    unlistedVariablesAreDyn: true,
    enableOptionalTypes: true,
    homogeneousAggregateLiterals: false,
  })
    .registerType('kubernetes.URL', CelUrl)
    .registerFunction('isURL(dyn): bool', (text: unknown) => typeof text === 'string' && isUrl(text))
    .registerFunction('url(dyn): kubernetes.URL', (text: unknown) => new CelUrl(typeof text === 'string' ? text : ''))
    .registerFunction(
      'kubernetes.URL.getScheme(): string',
      (url: CelUrl) => url.parsed?.protocol.replace(/:$/, '') ?? '',
    )
    .registerFunction('kubernetes.URL.getHost(): string', (url: CelUrl) => url.parsed?.host ?? '')
    .registerFunction('kubernetes.URL.getHostname(): string', (url: CelUrl) => url.parsed?.hostname ?? '')
    .registerFunction('kubernetes.URL.getPort(): string', (url: CelUrl) => url.parsed?.port ?? '')
    .registerFunction('kubernetes.URL.getEscapedPath(): string', (url: CelUrl) => url.parsed?.pathname ?? '')
    .registerFunction('list.sum(): dyn', (items: readonly unknown[]) => sumOf(items))
    .registerFunction('list.isSorted(): bool', (items: readonly unknown[]) => isSorted(items));
  return environment;
}

function sumOf(items: readonly unknown[]): bigint | number {
  if (items.every((item) => typeof item === 'bigint')) return items.reduce((sum: bigint, item) => sum + item, 0n);
  return items.reduce((sum: number, item) => sum + Number(item), 0);
}

function isSorted(items: readonly unknown[]): boolean {
  return items.every((item, i) => i === 0 || (items[i - 1] as string) <= (item as string));
}

const programs = new Map<string, Result<CelProgram, string>>();
const MAX_PROGRAMS = 2000;

/** Compiles one expression; the error says why it cannot be evaluated here. */
export function compileCel(expression: string): Result<CelProgram, string> {
  const known = programs.get(expression);
  if (known !== undefined) return known;
  if (programs.size > MAX_PROGRAMS) programs.clear();
  const program = compile(expression);
  programs.set(expression, program);
  return program;
}

/** The package takes only plain paths in `has`; an element of a list on the way is asked for as an optional instead. */
function withOptionalHas(expression: string): string {
  return expression.replace(/\bhas\(([\w.]+\[[\w.[\]]*\](?:\.\w+)*)\.(\w+)\)/g, '($1.?$2.hasValue())');
}

function compile(expression: string): Result<CelProgram, string> {
  try {
    const source = withOptionalHas(expression);
    const program = celEnvironment().parse(source);
    const checked = program.check();
    if (!checked.valid) return err(firstLine(checked.error?.message));
    return ok((variables) => {
      try {
        return ok<unknown>(program(variables));
      } catch (thrown) {
        if (thrown instanceof EvaluationError) return err(firstLine(thrown.message));
        return err(firstLine(thrown instanceof Error ? thrown.message : String(thrown)));
      }
    });
  } catch (thrown) {
    return err(firstLine(thrown instanceof Error ? thrown.message : String(thrown)));
  }
}

const firstLine = (text: string | undefined): string => (text ?? 'unknown problem').split('\n', 1)[0]!;
