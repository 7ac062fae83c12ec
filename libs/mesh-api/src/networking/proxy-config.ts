import { matchLabelsSelector } from '../attachment.js';
import { meshKind } from '../mesh-kind.js';
import { textMap } from '../schema/collection-fields.js';
import { withSchema } from '../schema/field.js';
import { object } from '../schema/object-field.js';
import { count, text } from '../schema/scalar-fields.js';

const spec = object('How sidecars and gateways are started. Pods have to be restarted to take it.', {
  selector: matchLabelsSelector('Pods that it is for. Default all of the namespace.'),
  concurrency: withSchema(count('Worker threads; 0 is one per core.'), { nullable: true }),
  environmentVariables: textMap('More environment of the proxy.'),
  image: object('The image.', { imageType: text('Its variant: default, debug or distroless.') }),
});

export const PROXY_CONFIGS = meshKind(
  { group: 'networking.istio.io', kind: 'ProxyConfig', plural: 'proxyconfigs', versions: ['v1beta1'], columns: [] },
  spec,
);
