import { err, ok, toError, type Result } from '@weft/result';

/** An issuer of tokens for workloads that this cluster's API server does not know; the fields are those of Istio's JWTRule. */
export interface OidcRule {
  /** Compared exactly with `iss`. */
  readonly issuer: string;
  /** One of them must be in `aud`. */
  readonly audiences: readonly string[];
  /** Where the keys are; null: the issuer's discovery document says it. */
  readonly jwksUri: string | null;
  /** Keys given in the settings; null: they are fetched. */
  readonly jwks: { readonly keys: readonly object[] } | null;
}

const FIELDS = ['issuer', 'audiences', 'jwksUri', 'jwks_uri', 'jwks'];

/** Reads `JWT_RULE`: one JSON object, or a list of them. The error says what is wrong and what is wanted. */
export function parseOidcRules(text: string): Result<readonly OidcRule[], string> {
  if (text.trim() === '') return ok([]);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (thrown) {
    return err(`is not JSON: ${toError(thrown).message}`);
  }
  const rules: OidcRule[] = [];
  for (const entry of Array.isArray(value) ? (value as unknown[]) : [value]) {
    const rule = parseRule(entry);
    if (!rule.ok) return rule;
    if (rules.some(({ issuer }) => issuer === rule.value.issuer))
      return err(`issuer ${rule.value.issuer} is there twice`);
    rules.push(rule.value);
  }
  return ok(rules);
}

function parseRule(value: unknown): Result<OidcRule, string> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return err('want an object with issuer and audiences');
  const fields = value as Record<string, unknown>;
  const unknown = Object.keys(fields).find((key) => !FIELDS.includes(key));
  if (unknown !== undefined) return err(`field ${unknown} is not known: there are ${FIELDS.join(', ')}`);
  const { issuer, audiences } = fields;
  if (typeof issuer !== 'string' || issuer === '') return err('issuer is missing');
  if (
    !Array.isArray(audiences) ||
    audiences.length === 0 ||
    !audiences.every((name) => typeof name === 'string' && name !== '')
  )
    return err(
      `audiences of ${issuer}: want a list of at least one audience, for a token that is for anybody is for nobody`,
    );
  const jwksUri = fields['jwksUri'] ?? fields['jwks_uri'] ?? null;
  const jwks = parseKeys(fields['jwks']);
  if (!jwks.ok) return err(`jwks of ${issuer}: ${jwks.error}`);
  if (jwksUri !== null && !isHttps(jwksUri)) return err(`jwksUri of ${issuer}: want an https:// address`);
  if (jwksUri === null && jwks.value === null && !isHttps(issuer))
    return err(
      `issuer ${issuer}: without jwksUri and jwks it must be an https:// address that has a discovery document`,
    );
  return ok({ issuer, audiences: audiences as string[], jwksUri: jwksUri as string | null, jwks: jwks.value });
}

function parseKeys(value: unknown): Result<OidcRule['jwks'], string> {
  if (value === undefined) return ok(null);
  try {
    const parsed: unknown = typeof value === 'string' ? JSON.parse(value) : value;
    const keys = typeof parsed === 'object' && parsed !== null && 'keys' in parsed ? parsed.keys : undefined;
    if (!Array.isArray(keys) || !keys.every((key) => typeof key === 'object' && key !== null))
      return err('want {"keys": [...]}');
    return ok({ keys: keys as object[] });
  } catch (thrown) {
    return err(`is not JSON: ${toError(thrown).message}`);
  }
}

const isHttps = (value: unknown): boolean =>
  typeof value === 'string' && URL.canParse(value) && new URL(value).protocol === 'https:';
