/** One program to run, as a line of JSON. */
export interface SpawnOrder {
  readonly id: number;
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Base64; null for /dev/null. */
  readonly stdin: string | null;
  /** Paths that become descriptors 3, 4, ... opened for writing. */
  readonly outputs: readonly string[];
}

/** First `pid`, then at the end the rest; `stdout` and `stderr` are Base64 and cut at 16 MiB. */
export type SpawnReport =
  | { readonly id: number; readonly pid: number }
  | {
      readonly id: number;
      readonly code: number | null;
      readonly signal: string | null;
      readonly stdout: string;
      readonly stderr: string;
    };

/**
 * The main function of the process that starts programs. Its text is handed to a bare `node`, so it may use nothing from
 * outside its body.
 */
export function spawnerMain(): void {
  const { spawn } = process.getBuiltinModule('node:child_process');
  const { openSync, closeSync } = process.getBuiltinModule('node:fs');
  const { createInterface } = process.getBuiltinModule('node:readline');
  const maxBytes = 16 * 1024 * 1024;
  const report = (message: SpawnReport): void => void process.stdout.write(`${JSON.stringify(message)}\n`);
  const failed = (id: number, error: unknown): void => {
    const stderr = Buffer.from(error instanceof Error ? error.message : String(error)).toString('base64');
    report({ id, code: 127, signal: null, stdout: '', stderr });
  };
  const begin = ({ id, argv, env, stdin, outputs }: SpawnOrder): void => {
    const descriptors: number[] = [];
    try {
      for (const path of outputs) descriptors.push(openSync(path, 'w'));
      const child = spawn(argv[0] ?? '', argv.slice(1), {
        env,
        detached: true,
        stdio: [stdin === null ? 'ignore' : 'pipe', 'pipe', 'pipe', ...descriptors],
      });
      const output = [child.stdout, child.stderr].map((stream) => {
        const chunks: Buffer[] = [];
        let bytes = 0;
        stream
          ?.on('error', () => undefined)
          .on('data', (chunk: Buffer) => {
            if (bytes < maxBytes) chunks.push(chunk);
            bytes += chunk.length;
          });
        return chunks;
      });
      child.stdin?.on('error', () => undefined).end(Buffer.from(stdin ?? '', 'base64'));
      if (child.pid !== undefined) report({ id, pid: child.pid });
      child.once('error', (error) => failed(id, error));
      // Something that outlives the program may hold its pipes open for long.
      child.once('exit', () =>
        setTimeout(() => [child.stdout, child.stderr].forEach((stream) => stream?.destroy()), 500).unref(),
      );
      child.once('close', (code, signal) => {
        const [stdout = '', stderr = ''] = output.map((chunks) => Buffer.concat(chunks).toString('base64'));
        if (child.pid !== undefined) report({ id, code, signal, stdout, stderr });
      });
    } catch (error) {
      failed(id, error);
    } finally {
      for (const descriptor of descriptors) closeSync(descriptor);
    }
  };
  process.stdout.on('error', () => process.exit(1));
  createInterface({ input: process.stdin })
    .on('line', (line) => begin(JSON.parse(line) as SpawnOrder))
    .on('close', () => process.exit(0));
}
