/**
 * Kubernetes' `$(NAME)` expansion: `$$` is a dollar sign (so `$$(NAME)` stays `$(NAME)`), an unknown or malformed reference
 * stays as it is.
 */
export function expandVariables(text: string, variables: ReadonlyMap<string, string>): string {
  return text.replace(/\$(\$|\(([^)]*)\))/g, (whole, escape: string, name: string | undefined) =>
    escape === '$' ? '$' : (variables.get(name ?? '') ?? whole),
  );
}
