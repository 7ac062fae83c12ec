import type { KubeObject } from '@weft/kube';
import { object, SHOP } from './mesh-objects.js';
import type { Identity } from './secret-server.js';

/** Roots, as `ca.crt` of a ConfigMap. */
export const rootsMap = (name: string, roots: string, ns = SHOP): KubeObject =>
  object({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: ns }, data: { 'ca.crt': roots } });

/** A certificate with its key, as a Secret of type kubernetes.io/tls. */
export const certificateSecret = (name: string, { certPem, keyPem }: Identity, ns = SHOP): KubeObject =>
  object({
    apiVersion: 'v1',
    kind: 'Secret',
    type: 'kubernetes.io/tls',
    metadata: { name, namespace: ns },
    data: { 'tls.crt': base64(certPem), 'tls.key': base64(keyPem) },
  });

const base64 = (text: string): string => Buffer.from(text).toString('base64');

/** BackendTLSPolicy for a Service, or a port of it. Roots: those of ConfigMap `roots`, if the validation says nothing else. */
export const backendTlsPolicy = (
  name: string,
  target: { readonly name: string; readonly sectionName?: string },
  validation: object = {},
): KubeObject =>
  object({
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'BackendTLSPolicy',
    metadata: { name, namespace: SHOP },
    spec: {
      targetRefs: [{ group: '', kind: 'Service', ...target }],
      validation: {
        caCertificateRefs: [{ group: '', kind: 'ConfigMap', name: 'roots' }],
        hostname: 'abc.example.com',
        ...validation,
      },
    },
  });
