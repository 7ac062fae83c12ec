import { isObject } from '../json.js';
import type { Schema } from '../schema.js';
import { elementOf } from './atom.js';
import { describePathElement, printPathElement } from './path-element.js';

const MAX_PROBLEMS = 20;

/**
 * What keeps a document from being merged by its schema: wrong shapes, undeclared fields, elements without their keys, duplicates.
 * Each line is `<path>: <problem>` as the real server writes it.
 */
export function typedProblems(schema: Schema | undefined, value: unknown): readonly string[] {
  const problems: string[] = [];
  walk(schema, value, '', problems);
  return problems.slice(0, MAX_PROBLEMS);
}

function walk(schema: Schema | undefined, value: unknown, path: string, problems: string[]): void {
  if (schema === undefined || schema.type === 'any' || value === null || problems.length > MAX_PROBLEMS) return;
  switch (schema.type) {
    case 'object':
      if (isObject(value)) walkObject(schema, value, path, problems);
      else problems.push(`${path || '.'}: expected map, got &{${JSON.stringify(value)}}`);
      return;
    case 'array':
      if (Array.isArray(value)) walkList(schema, value, path, problems);
      else problems.push(`${path}: expected list, got &{${JSON.stringify(value)}}`);
      return;
    case 'int-or-string':
      if (isObject(value) || Array.isArray(value) || typeof value === 'boolean') {
        problems.push(`${path}: expected string or number, got &{${JSON.stringify(value)}}`);
      }
      return;
    case 'string':
    case 'boolean':
      if (typeof value !== schema.type)
        problems.push(`${path}: expected ${schema.type}, got &{${JSON.stringify(value)}}`);
      return;
    default:
      if (typeof value !== 'number')
        problems.push(`${path}: expected numeric (int or float), got ${JSON.stringify(value)}`);
  }
}

function walkObject(schema: Schema, value: Record<string, unknown>, path: string, problems: string[]): void {
  const properties = schema.properties ?? {};
  for (const [key, item] of Object.entries(value)) {
    const at = `${path}.${key}`;
    if (Object.hasOwn(properties, key)) walk(properties[key], item, at, problems);
    else if (schema.additional !== undefined) walk(schema.additional, item, at, problems);
    else if (schema.preserveUnknown !== true && schema.embeddedResource !== true && !IDENTITY.has(at)) {
      problems.push(`${at}: field not declared in schema`);
    }
  }
}

/** Every object has these, whether its schema says so or not. */
const IDENTITY: ReadonlySet<string> = new Set(['.apiVersion', '.kind', '.metadata']);

function walkList(schema: Schema, value: readonly unknown[], path: string, problems: string[]): void {
  const seen = new Set<string>();
  for (const [i, item] of value.entries()) {
    if (schema.listType !== 'set' && schema.listType !== 'map') {
      walk(schema.items, item, `${path}[${i}]`, problems);
      continue;
    }
    const element = elementOf(schema, item);
    if (typeof element === 'string') {
      problems.push(`${path}: element ${i}: ${element}`);
      continue;
    }
    const text = printPathElement(element);
    if (seen.has(text)) problems.push(`${path}: duplicate entries for key ${describePathElement(element)}`);
    seen.add(text);
    walk(schema.items, item, path + describePathElement(element), problems);
  }
}
