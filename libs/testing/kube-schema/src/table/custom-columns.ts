import type { PrinterColumn, ResourceInfo } from '../resource-info.js';
import { AGE, NAME, type Cell, type Column } from './column.js';
import { ageOf } from './human-duration.js';
import { findByJsonPath } from './json-path.js';

/** Columns of a custom resource: its name and what its definition asks for; without additionalPrinterColumns the age. */
export function customColumns(resource: ResourceInfo): readonly Column[] {
  const own = resource.printerColumns ?? [];
  return own.length === 0 ? [NAME, AGE] : [NAME, ...own.map((column) => customColumn(column))];
}

function customColumn(column: PrinterColumn): Column {
  const type =
    (['string', 'integer', 'number', 'boolean', 'date'] as const).find((item) => item === column.type) ?? 'string';
  return {
    name: column.name,
    type,
    ...(column.format === undefined ? {} : { format: column.format }),
    priority: column.priority ?? 0,
    cell: (object, now) => cellOf(type, findByJsonPath(column.jsonPath, object)[0], now),
  };
}

function cellOf(type: NonNullable<Column['type']>, value: unknown, now: Date): Cell {
  if (value === undefined || value === null) return null;
  switch (type) {
    case 'date':
      return typeof value === 'string' ? ageOf(value, now) : null;
    case 'integer':
      return typeof value === 'number' ? Math.trunc(value) : null;
    case 'number':
      return typeof value === 'number' ? value : null;
    case 'boolean':
      return typeof value === 'boolean' ? value : null;
    case 'string':
      return typeof value === 'string' ? value : JSON.stringify(value);
  }
}
