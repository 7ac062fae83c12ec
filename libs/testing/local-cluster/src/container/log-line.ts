/** One record of a container log. `full` is false for a piece of a line that was too long for one record. */
export interface LogLine {
  /** RFC 3339. */
  readonly time: string;
  readonly stream: 'stdout' | 'stderr';
  readonly full: boolean;
  readonly text: string;
}

/** Parses container-runtime log text piece by piece; records it cannot read are skipped. */
export class LogLineReader {
  #rest = '';

  push(text: string): readonly LogLine[] {
    const parts = (this.#rest + text).split('\n');
    this.#rest = parts.pop() ?? '';
    return parts.map(parseLogLine).filter((line) => line !== null);
  }
}

const RECORD = /^(\d{4}-\d\d-\d\dT\S+) (stdout|stderr) ([FP]) (.*)$/s;

export function parseLogLine(record: string): LogLine | null {
  const match = RECORD.exec(record);
  if (match === null) return null;
  return { time: match[1]!, stream: match[2] as 'stdout' | 'stderr', full: match[3] === 'F', text: match[4]! };
}

export interface LogQuery {
  readonly tailLines?: number | undefined;
  readonly sinceSeconds?: number | undefined;
  readonly timestamps: boolean;
}

/** The lines that a reader asked for. A tail counts lines, not the pieces of long ones. */
export function selectLines(lines: readonly LogLine[], query: LogQuery, nowMs: number): readonly LogLine[] {
  const { sinceSeconds, tailLines } = query;
  const from = sinceSeconds === undefined ? 0 : nowMs - sinceSeconds * 1000;
  const recent = from === 0 ? lines : lines.filter((line) => Date.parse(line.time) >= from);
  if (tailLines === undefined) return recent;
  let start = recent.length;
  for (let left = tailLines; start > 0; start--) if (recent[start - 1]!.full && left-- === 0) break;
  return recent.slice(start);
}

/** What the reader sees of a record; the pieces of a long line run together. */
export function renderLogLine(line: LogLine, timestamps: boolean): Buffer {
  return Buffer.from(`${timestamps ? `${line.time} ` : ''}${line.text}${line.full ? '\n' : ''}`);
}
