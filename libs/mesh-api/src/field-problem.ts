/** What is wrong with one field of a resource, and what to write instead. */
export interface FieldProblem {
  /** `spec.rules[0].from[1].source.ipBlocks[0]` */
  readonly field: string;
  readonly problem: string;
  readonly cure: string;
  /** A warning changes nothing that the mesh does with the resource. */
  readonly severity: 'error' | 'warning';
}

export function formatProblem({ field, problem, cure }: FieldProblem): string {
  return `${field}: ${problem}; ${cure}`;
}

/** True for the field itself and everything inside it. */
export function isWithin(field: string, ancestor: string): boolean {
  return field === ancestor || field.startsWith(`${ancestor}.`) || field.startsWith(`${ancestor}[`);
}
