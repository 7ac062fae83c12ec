// Bundles one app: `src/main.ts` to `dist/apps/<app>/main.cjs`, and each `*.entry.ts` (worker threads, the CNI plugin) to
// `<name>.cjs` beside it. koffi stays outside: its native file is found at run time.
import { build } from 'esbuild';
import { globSync } from 'node:fs';
import { basename } from 'node:path';

const app = process.argv[2];
const entries = [`apps/${app}/src/main.ts`, ...globSync(`apps/${app}/src/**/*.entry.ts`)];
await build({
  entryPoints: entries.map((file) => ({ in: file, out: basename(file).replace(/(\.entry)?\.ts$/, '') })),
  outdir: `dist/apps/${app}`,
  outExtension: { '.js': '.cjs' },
  bundle: true,
  platform: 'node',
  target: 'node24',
  format: 'cjs',
  sourcemap: true,
  external: ['koffi'],
  tsconfig: 'tsconfig.base.json',
  logLevel: 'warning',
});
