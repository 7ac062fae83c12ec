import { forbidden, invalid, notSupported, required, type Cause } from '../../cause.js';
import { childPath, indexPath } from '../../field-path.js';
import { asString, equalJson, isObject, type JsonObject } from '../../json.js';
import { labelValueProblems, qualifiedNameProblems } from '../../names.js';

/** Collects causes while a validation walks through an object. */
export class Problems {
  readonly causes: Cause[] = [];
  /** What is accepted, but should be known. */
  readonly warnings: string[] = [];

  add(...causes: readonly Cause[]): void {
    this.causes.push(...causes);
  }

  invalid(field: string, value: unknown, detail: string): void {
    this.causes.push(invalid(field, value, detail));
  }

  /** One cause for each complaint that a naming rule has. */
  check(field: string, value: unknown, complaints: readonly string[]): void {
    for (const complaint of complaints) this.invalid(field, value, complaint);
  }

  required(field: string, detail = ''): void {
    this.causes.push(required(field, detail));
  }

  forbidden(field: string, detail: string): void {
    this.causes.push(forbidden(field, detail));
  }

  /** The value, if it is given, must be one of these. */
  oneOf(field: string, value: unknown, allowed: readonly string[]): void {
    if (value === undefined) this.required(field);
    else if (!allowed.includes(asString(value))) this.causes.push(notSupported(field, value, allowed));
  }

  /** The name must be given and follow the rule. */
  name(field: string, value: unknown, rule: (name: string) => readonly string[]): void {
    if (asString(value) === '') this.required(field);
    else this.check(field, value, rule(asString(value)));
  }

  nonNegative(field: string, value: unknown): void {
    if (typeof value === 'number' && value < 0) this.invalid(field, value, 'must be greater than or equal to 0');
  }

  immutable(field: string, value: unknown, old: unknown, shown: unknown = value): void {
    if (!equalJson(value, old)) this.invalid(field, shown, 'field is immutable');
  }

  labels(field: string, labels: unknown): void {
    if (!isObject(labels)) return;
    for (const [key, value] of Object.entries(labels)) {
      this.check(field, key, qualifiedNameProblems(key));
      this.check(field, value, labelValueProblems(asString(value)));
    }
  }

  labelSelector(field: string, selector: unknown): void {
    if (!isObject(selector)) return;
    this.labels(childPath(field, 'matchLabels'), selector['matchLabels']);
    const expressions = Array.isArray(selector['matchExpressions'])
      ? (selector['matchExpressions'] as readonly unknown[])
      : [];
    for (const [i, item] of expressions.entries()) {
      if (isObject(item)) this.#expression(indexPath(childPath(field, 'matchExpressions'), i), item);
    }
  }

  #expression(field: string, expression: JsonObject): void {
    const values = Array.isArray(expression['values']) ? (expression['values'] as readonly unknown[]) : [];
    switch (expression['operator']) {
      case 'In':
      case 'NotIn':
        if (values.length === 0)
          this.required(childPath(field, 'values'), `must be specified when \`operator\` is 'In' or 'NotIn'`);
        break;
      case 'Exists':
      case 'DoesNotExist':
        if (values.length > 0)
          this.forbidden(
            childPath(field, 'values'),
            `may not be specified when \`operator\` is 'Exists' or 'DoesNotExist'`,
          );
        break;
      default:
        this.invalid(childPath(field, 'operator'), expression['operator'], 'not a valid selector operator');
    }
    this.check(childPath(field, 'key'), expression['key'], qualifiedNameProblems(asString(expression['key'])));
  }
}
