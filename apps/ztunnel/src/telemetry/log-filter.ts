import { err, ok, type Result } from '@weft/result';
import { LOG_LEVELS, type ConfigProblem, type LogLevel } from '@weft/runtime';

/** A level for everything, and others for single scopes. */
export interface LogFilter {
  readonly level: LogLevel;
  readonly scopes: ReadonlyMap<string, LogLevel>;
}

/** `info`, or `info,access=debug,xds=warn`; `off` silences. */
export function parseLogFilter(
  text: string,
  base: LogFilter = { level: 'info', scopes: new Map() },
): Result<LogFilter, ConfigProblem> {
  let level = base.level;
  const scopes = new Map(base.scopes);
  for (const part of text.split(',').map((piece) => piece.trim())) {
    if (part === '') continue;
    const [, left = '', right] = /^(.*?)(?:[=:]([a-z]+))?$/i.exec(part) ?? [];
    const parsed = parseLevel(right ?? left);
    if (parsed === null) {
      return err({ key: 'RUST_LOG', problem: `${JSON.stringify(part)}: want ${LOG_LEVELS.join(', ')} or scope=level` });
    }
    if (right === undefined) level = parsed;
    else scopes.set(left, parsed);
  }
  return ok({ level, scopes });
}

function parseLevel(text: string): LogLevel | null {
  const lower = text.toLowerCase();
  if (lower === 'off') return 'silent';
  return LOG_LEVELS.find((level) => level === lower) ?? null;
}

export function formatLogFilter({ level, scopes }: LogFilter): string {
  return [level, ...[...scopes].map(([scope, its]) => `${scope}=${its}`)].join(',');
}
