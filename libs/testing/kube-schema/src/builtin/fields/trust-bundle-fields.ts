/** Field table of the kinds that came after Kubernetes 1.32, in the notation of parse-fields.ts; by hand. */
export const TRUST_BUNDLE_FIELDS = `
certificates.v1beta1.ClusterTrustBundle kind:s apiVersion:s metadata:meta.v1.ObjectMeta spec:ClusterTrustBundleSpec!
certificates.v1beta1.ClusterTrustBundleSpec signerName:s trustBundle:s!
`;
