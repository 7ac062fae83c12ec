/** How Envoy asks for the certificate of a `credentialName`, and for the roots that belong to it. Istio's names. */
export const certificateSecret = (credentialName: string): string => `kubernetes://${bare(credentialName)}`;
export const rootsSecret = (credentialName: string): string => `kubernetes://${bare(credentialName)}-cacert`;

const bare = (credentialName: string): string => credentialName.replace(/^kubernetes:\/\//, '');
