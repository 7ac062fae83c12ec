import { toError } from '@weft/result';
import { bench } from './commands/bench.js';
import { down } from './commands/down.js';
import { status } from './commands/status.js';
import { test } from './commands/test.js';
import { up } from './commands/up.js';
import { parseOptions, type CommandOptions } from './options.js';

async function run(options: CommandOptions, root: string): Promise<number> {
  switch (options.command) {
    case 'up':
      await up(options, root);
      return 0;
    case 'down':
      await down(options);
      return 0;
    case 'status':
      return status(options);
    case 'test':
      return test(options, root);
    case 'bench':
      return bench(options, root);
  }
}

async function main(): Promise<number> {
  const options = parseOptions(process.argv.slice(2));
  if (!options.ok) {
    process.stderr.write(`weft: ${options.error}\n`);
    return 2;
  }
  try {
    return await run(options.value, process.env['WEFT_ROOT'] ?? process.cwd());
  } catch (thrown) {
    const error = toError(thrown);
    const expected = 'code' in error && typeof error.code === 'string';
    process.stderr.write(`weft: ${expected ? error.message : (error.stack ?? error.message)}\n`);
    return 1;
  }
}

void main().then((code) => process.exit(code));
