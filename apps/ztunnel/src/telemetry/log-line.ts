const PLAIN = /^[\w.:/@%+,[\]-]+$/;

/** `time<TAB>level<TAB>scope<TAB>message<TAB>k=v ...` from a JSON log line; what needs it is quoted, so one event is one line. */
export function textLogLine(json: string): string {
  const { time, level, scope, message, ...fields } = JSON.parse(json) as Record<string, unknown>;
  const rest = Object.entries(fields)
    .map(([key, value]) => `${key}=${textValue(value)}`)
    .join(' ');
  const head = `${text(time)}\t${text(level)}\t${text(scope)}\t${text(message)}`;
  return rest === '' ? `${head}\n` : `${head}\t${rest}\n`;
}

/** As it stands in a text line: quoted if it needs it. */
export function textValue(value: unknown): string {
  if (typeof value === 'string' && PLAIN.test(value)) return value;
  return JSON.stringify(value);
}

function text(value: unknown): string {
  return typeof value === 'string' ? value.replaceAll(/[\t\r\n]/g, ' ') : JSON.stringify(value);
}
