import type { ValidationCase, ValidationFixture } from '@weft/testing-fixtures';

const HEAD = `# What is said of bad input, kind by kind

Written by the tests from \`libs/mesh-api/testdata/validation\`: each case is held against the reader of its kind, and against the webhook
of the control plane over HTTPS. **Denied**: the webhook refuses the resource with these words; if it is there all the same, the same words
are on its status and the rest of it works ([resources.md](resources.md)). **Warned**: it is written, and kubectl shows the words. The API
server looks first: what its schema refuses already, it says in words of its own. It does not ask the webhook about the Gateway API:
there the schemas refuse, and the status of Gateways and routes says what is wrong.
`;

/** The page of the documentation that has every case. */
export function validationPage(fixtures: readonly ValidationFixture[]): string {
  return [HEAD, ...fixtures.map(sectionOf)].join('\n');
}

function sectionOf({ kind, group, cases }: ValidationFixture): string {
  return `## ${kind} (${group})\n\n${cases.map(entryOf).join('')}`;
}

function entryOf({ name, deny, warn }: ValidationCase): string {
  const lines = [
    ...deny.map((message) => `  - denied: ${quoted(message)}\n`),
    ...warn.map((message) => `  - warned: ${quoted(message)}\n`),
  ];
  return `- ${name.replace(/[*_<]/g, '\\$&')}\n${lines.join('')}`;
}

/** A code span that may have backticks in it. */
function quoted(message: string): string {
  const oneLine = message.replaceAll('\n', '\\n');
  if (!oneLine.includes('`')) return `\`${oneLine}\``;
  const pad = /^`|`$/.test(oneLine) ? ' ' : '';
  return `\`\`${pad}${oneLine}${pad}\`\``;
}
