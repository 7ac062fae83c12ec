/** The naming rules of Kubernetes. Each returns the complaints in Kubernetes' words; none means valid. */

const DNS_1123_LABEL = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
const DNS_1123_SUBDOMAIN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const DNS_1035_LABEL = /^[a-z]([-a-z0-9]*[a-z0-9])?$/;
const QUALIFIED_NAME = /^([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]$/;
const LABEL_VALUE = /^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$/;
const CONFIG_KEY = /^[-._a-zA-Z0-9]+$/;
const ENV_NAME = /^[ -<>-~]+$/;
const PORT_NAME = /^[-a-z0-9]+$/;

const regexHint = (pattern: RegExp, examples: readonly string[]): string => {
  const body = pattern.source.replace(/^\^|\$$/g, '').replaceAll('\\.', '\\.');
  const list = examples.map((item) => `'${item}'`).join(', or ');
  return `(e.g. ${list}, regex used for validation is '${body}')`;
};

const atMost = (max: number) => `must be no more than ${max} characters`;

export function dns1123LabelProblems(value: string): readonly string[] {
  return [
    ...(value.length > 63 ? [atMost(63)] : []),
    ...(DNS_1123_LABEL.test(value)
      ? []
      : [
          `a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character ${regexHint(DNS_1123_LABEL, ['my-name', '123-abc'])}`,
        ]),
  ];
}

export function dns1123SubdomainProblems(value: string): readonly string[] {
  return [
    ...(value.length > 253 ? [atMost(253)] : []),
    ...(DNS_1123_SUBDOMAIN.test(value)
      ? []
      : [
          `a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character ${regexHint(DNS_1123_SUBDOMAIN, ['example.com'])}`,
        ]),
  ];
}

export function dns1035LabelProblems(value: string): readonly string[] {
  return [
    ...(value.length > 63 ? [atMost(63)] : []),
    ...(DNS_1035_LABEL.test(value)
      ? []
      : [
          `a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character ${regexHint(DNS_1035_LABEL, ['my-name', 'abc-123'])}`,
        ]),
  ];
}

/** Names that become one path segment (RBAC objects): anything but `.`, `..`, `/` and `%`. */
export function pathSegmentProblems(value: string): readonly string[] {
  if (value === '.' || value === '..') return [`may not be '${value}'`];
  return ['/', '%'].filter((part) => value.includes(part)).map((part) => `may not contain '${part}'`);
}

/** Keys of labels, annotations and taints, and finalizers: `[prefix/]name`. */
export function qualifiedNameProblems(value: string): readonly string[] {
  const parts = value.split('/');
  const name = parts.at(-1) ?? '';
  const problems: string[] = [];
  if (parts.length > 2) {
    return [
      `a qualified name must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character ${regexHint(QUALIFIED_NAME, ['MyName', 'my.name', '123-abc'])} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`,
    ];
  }
  if (parts.length === 2) {
    const prefix = parts[0] ?? '';
    if (prefix === '') problems.push('prefix part must be non-empty');
    else problems.push(...dns1123SubdomainProblems(prefix).map((item) => `prefix part ${item}`));
  }
  if (name === '') problems.push('name part must be non-empty');
  else if (name.length > 63) problems.push(`name part ${atMost(63)}`);
  if (!QUALIFIED_NAME.test(name)) {
    problems.push(
      `name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character ${regexHint(QUALIFIED_NAME, ['MyName', 'my.name', '123-abc'])}`,
    );
  }
  return problems;
}

export function labelValueProblems(value: string): readonly string[] {
  return [
    ...(value.length > 63 ? [atMost(63)] : []),
    ...(LABEL_VALUE.test(value)
      ? []
      : [
          `a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character ${regexHint(LABEL_VALUE, ['MyValue', 'my_value', '12345'])}`,
        ]),
  ];
}

/** Keys of ConfigMap and Secret data. */
export function configKeyProblems(value: string): readonly string[] {
  if (value.length > 253) return [atMost(253)];
  if (!CONFIG_KEY.test(value)) {
    return [
      `a valid config key must consist of alphanumeric characters, '-', '_' or '.' ${regexHint(CONFIG_KEY, ['key.name', 'KEY_NAME', 'key-name'])}`,
    ];
  }
  if (value === '.' || value === '..') return [`must not be '${value}'`];
  return value.startsWith('..') ? [`must not start with '..'`] : [];
}

/** Since Kubernetes 1.32 any printable ASCII but `=`. */
export function envNameProblems(value: string): readonly string[] {
  return ENV_NAME.test(value)
    ? []
    : [`a valid environment variable name must consist only of printable ASCII characters other than '='`];
}

/** Names of container and target ports. */
export function portNameProblems(value: string): readonly string[] {
  const problems: string[] = [];
  if (value.length > 15) problems.push('must be no more than 15 characters');
  if (!PORT_NAME.test(value)) problems.push(`must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)`);
  if (!/[a-z]/.test(value)) problems.push('must contain at least one letter (a-z)');
  if (value.includes('--')) problems.push('must not contain consecutive hyphens');
  if (value.startsWith('-') || value.endsWith('-')) problems.push('must not begin or end with a hyphen');
  return problems;
}

export function portNumberProblems(value: unknown): readonly string[] {
  return typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= 65535
    ? []
    : ['must be between 1 and 65535, inclusive'];
}
