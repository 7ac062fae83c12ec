// The CNI plugin: a program of its own, started by the container runtime for every pod.
import { text } from 'node:stream/consumers';
import { runCniCommand } from './cni-command.js';
import { pluginPorts } from './plugin-ports.js';

async function main(): Promise<void> {
  const { status, stdout } = await runCniCommand(process.env, await text(process.stdin), pluginPorts);
  process.stdout.write(stdout);
  process.exitCode = status;
}

void main();
