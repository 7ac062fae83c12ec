/** `spec` + `a` -> `spec.a`; keys that are no plain names keep Kubernetes' bracket form. */
export function childPath(parent: string, key: string): string {
  return parent === '' ? key : `${parent}.${key}`;
}

export function indexPath(parent: string, index: number): string {
  return `${parent}[${index}]`;
}

/** A key of a free map: `labels[app]`. */
export function keyPath(parent: string, key: string): string {
  return `${parent}[${key}]`;
}
