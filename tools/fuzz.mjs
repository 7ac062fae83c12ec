// Fuzzes one parser: `node tools/fuzz.mjs <parser> [--minutes N] [--seed N] [--keep]`, or lists them. A parser is a file
// `<parser>.fuzz.ts` that exports `<parser>Fuzz`; its corpus is `testdata/corpus/<parser>.txt` of its project. `--keep` adds
// inputs with new outcomes to the corpus.
import { build } from 'esbuild';
import { execFileSync } from 'node:child_process';
import { globSync, mkdirSync } from 'node:fs';
import { basename } from 'node:path';

const files = new Map(
  globSync('{libs,apps}/**/src/testing/*.fuzz.ts').map((file) => [basename(file, '.fuzz.ts'), file]),
);
const [name, ...rest] = process.argv.slice(2);
const file = files.get(name);
if (file === undefined) {
  console.error(
    `Usage: fuzz <parser> [--minutes N] [--seed N] [--keep]\nParsers: ${[...files.keys()].sort().join(', ')}`,
  );
  process.exit(2);
}
const corpus = `${file.slice(0, file.indexOf('/src/'))}/testdata/corpus/${name}.txt`;
const identifier = name.replace(/-(\w)/g, (_, letter) => letter.toUpperCase()) + 'Fuzz';
mkdirSync('tmp/fuzz', { recursive: true });
const outfile = `tmp/fuzz/${name}.cjs`;
await build({
  stdin: {
    contents: `import { runFuzz } from '@weft/testing-fuzz'; import { ${identifier} } from './${file}';
process.exitCode = runFuzz(${identifier}, ${JSON.stringify(corpus)}, process.argv.slice(2));`,
    resolveDir: process.cwd(),
    loader: 'ts',
  },
  outfile,
  bundle: true,
  platform: 'node',
  target: 'node24',
  format: 'cjs',
  external: ['koffi'],
  tsconfig: 'tsconfig.base.json',
  logLevel: 'warning',
});
try {
  execFileSync(process.execPath, ['--enable-source-maps', outfile, ...rest], { stdio: 'inherit' });
} catch (failure) {
  process.exitCode = failure.status ?? 1;
}
