// Bundles one program: `main.ts` of `apps/<name>/src` (or of `bench/src`) to `dist/apps/<name>/main.cjs` (`dist/bench`), and
// each `*.entry.ts` (worker threads, the CNI plugin) to `<name>.cjs` beside it. koffi stays outside: its native file is found
// at run time.
import { build } from 'esbuild';
import { globSync } from 'node:fs';
import { basename } from 'node:path';

const name = process.argv[2];
const folder = name === 'bench' ? 'bench' : `apps/${name}`;
const entries = [`${folder}/src/main.ts`, ...globSync(`${folder}/src/**/*.entry.ts`)];
await build({
  entryPoints: entries.map((file) => ({ in: file, out: basename(file).replace(/(\.entry)?\.ts$/, '') })),
  outdir: `dist/${folder}`,
  outExtension: { '.js': '.cjs' },
  bundle: true,
  platform: 'node',
  target: 'node24',
  format: 'cjs',
  sourcemap: true,
  // The text of a bundle stays in memory as long as its process. Names stay, for stack traces.
  minifyWhitespace: true,
  minifySyntax: true,
  lineLimit: 160,
  legalComments: 'none',
  external: ['koffi'],
  tsconfig: 'tsconfig.base.json',
  logLevel: 'warning',
});
