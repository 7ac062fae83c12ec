import { runCommand, type CommandResult } from '../process/run-command.js';

/** The real kubectl against one cluster. */
export class Kubectl {
  constructor(private readonly kubeconfigPath: string) {}

  run(args: readonly string[], stdin?: string): Promise<CommandResult> {
    const env = { ...process.env, KUBECONFIG: this.kubeconfigPath } as Record<string, string>;
    return runCommand(['kubectl', ...args], { env, stdin, timeoutMs: 30_000 });
  }

  /** Standard output; throws what kubectl said unless it succeeded. */
  async text(...args: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await this.run(args);
    if (code !== 0) throw new Error(`kubectl ${args.join(' ')}: exit code ${code}: ${stderr}${stdout}`);
    return stdout;
  }

  async apply(...objects: readonly object[]): Promise<void> {
    const list = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects });
    const { code, stderr } = await this.run(['apply', '--validate=false', '-f', '-'], list);
    if (code !== 0) throw new Error(`kubectl apply: ${stderr}`);
  }

  jsonPath(kind: string, name: string, path: string): Promise<string> {
    return this.text('get', kind, name, '-o', `jsonpath={${path}}`);
  }

  /** Output of a command in the only container of a pod. */
  exec(pod: string, ...command: readonly string[]): Promise<string> {
    return this.text('exec', pod, '--', ...command);
  }

  async events(pod: string): Promise<string> {
    return this.text(
      'get',
      'events',
      '--field-selector',
      `involvedObject.name=${pod}`,
      '-o',
      'jsonpath={range .items[*]}{.reason}{": "}{.message}{"\\n"}{end}',
    );
  }
}
