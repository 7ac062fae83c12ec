import { provesPossession, type ProofCheck } from '@weft/spiffe';
import { EcdsaVerifier } from '@weft/tls';

/** By OpenSSL itself where it can be called and the key is on an elliptic curve, which takes half the time of node:crypto. */
export function fastestProofCheck(): ProofCheck {
  const verifier = EcdsaVerifier.create();
  if (verifier === null) return provesPossession;
  return (request) => {
    const { key, signature, signed, signatureValue } = request;
    if (key.ec === undefined || signature.digest === null) return provesPossession(request);
    const { digest } = signature;
    const verdict = verifier.verify({ ...key.ec, digest, signed, signature: signatureValue });
    if (verdict === 'no-key') throw new TypeError('the point is not on its curve');
    return verdict === 'good';
  };
}
