/** Who asks, and who vouches for it. */
export interface Caller {
  readonly namespace: string;
  readonly serviceAccount: string;
  /** `kubernetes`: the API server; `oidc`: the issuer of its token; `certificate`: this CA, by the SVID it shows. */
  readonly by: 'kubernetes' | 'oidc' | 'certificate';
  /** The pod that the token is bound to; only by `kubernetes`, and absent for an unbound token. */
  readonly pod?: { readonly name: string; readonly uid: string };
}
