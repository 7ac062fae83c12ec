import { addressPattern, globPattern, pathPattern, textPattern } from './value-pattern.js';
import type { RequestAttributes } from './request-attributes.js';

/** Whether one value of a field or condition holds for a request. */
export type ValueTest = (request: RequestAttributes) => boolean;
export type TestOf = (value: string) => ValueTest;

const SPIFFE = 'spiffe://';
const IDENTITY = /^spiffe:\/\/([^/]+)\/ns\/([^/]+)\/sa\/([^/]+)$/;

const identityOf = ({ principal }: RequestAttributes): readonly [string, string, string] | null => {
  const [, trustDomain, namespace, account] = IDENTITY.exec(principal ?? '') ?? [];
  return trustDomain === undefined ? null : [trustDomain, namespace!, account!];
};

export const principal: TestOf = (value) => {
  const test = textPattern(value);
  return (request) => request.principal?.startsWith(SPIFFE) === true && test(request.principal.slice(SPIFFE.length));
};
export const namespace: TestOf = (value) => {
  const test = globPattern(value);
  return (request) => {
    const identity = identityOf(request);
    return identity !== null && test(identity[1]);
  };
};
/** `name` in the namespace of the policy, or `namespace/name`. */
export const serviceAccount =
  (policyNamespace: string): TestOf =>
  (value) => {
    const wanted = value.includes('/') ? value : `${policyNamespace}/${value}`;
    return (request) => {
      const identity = identityOf(request);
      return identity !== null && `${identity[1]}/${identity[2]}` === wanted;
    };
  };
export const trustDomain: TestOf = (value) => {
  const test = globPattern(value);
  return (request) => {
    const identity = identityOf(request);
    return identity !== null && test(identity[0]);
  };
};

export const sourceIp: TestOf = (value) => {
  const test = addressPattern(value);
  return (request) => test(request.sourceIp);
};
export const remoteIp: TestOf = (value) => {
  const test = addressPattern(value);
  return (request) => test(request.remoteIp);
};
export const destinationIp: TestOf = (value) => {
  const test = addressPattern(value);
  return (request) => test(request.destinationIp);
};
export const port: TestOf = (value) => (request) => request.destinationPort === Number(value);
export const serverName: TestOf = (value) => {
  const test = textPattern(value);
  return (request) => test(request.serverName);
};

/** Names of hosts have no case. */
export const host: TestOf = (value) => {
  const test = textPattern(value.toLowerCase());
  return (request) => test(request.host.toLowerCase());
};
export const method: TestOf = (value) => {
  const test = textPattern(value);
  return (request) => test(request.method);
};
export const path: TestOf = (value) => {
  const test = pathPattern(value);
  return (request) => test(request.path.replace(/[?#].*$/s, ''));
};

export const header =
  (name: string): TestOf =>
  (value) => {
    const test = value === '*' ? () => true : textPattern(value);
    return ({ headers }) => Object.hasOwn(headers, name) && test(headers[name]!);
  };

/** Of the verified token: a text, or one of a list of texts. `*` also for any other value. */
export const claim =
  (names: readonly string[]): TestOf =>
  (value) => {
    const test = textPattern(value);
    return ({ claims }) => {
      let found: unknown = claims;
      for (const name of names) found = isObject(found) && Object.hasOwn(found, name) ? found[name] : undefined;
      if (value === '*') return found !== undefined;
      return (Array.isArray(found) ? (found as unknown[]) : [found]).some(
        (one) => typeof one === 'string' && test(one),
      );
    };
  };

/** `issuer/subject`, divided at the last slash. */
export const requestPrincipal: TestOf = (value) => {
  const slash = value.lastIndexOf('/');
  const [issuer, subject] =
    slash >= 0 ? [value.slice(0, slash), value.slice(slash + 1)] : value.startsWith('*') ? ['*', value] : [value, '*'];
  const tests = { iss: textPattern(issuer || '*'), sub: textPattern(subject || '*') };
  return ({ claims }) =>
    Object.entries(tests).every(([name, test]) => {
      const found = claims?.[name];
      return typeof found === 'string' && test(found);
    });
};

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
