/** Features of the Gateway API that are implemented, sorted: the official conformance suite chooses its tests by them. */
export const SUPPORTED_FEATURES: readonly string[] = ['Gateway', 'HTTPRoute', 'Mesh', 'ReferenceGrant'];
