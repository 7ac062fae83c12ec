import { choice, matchLabels, object, type JsonSchema } from './schema.js';

const mutualTls = object('How peers must authenticate.', {
  mode: choice('UNSET inherits, PERMISSIVE also takes plaintext, STRICT refuses it. Default UNSET.', [
    'UNSET',
    'DISABLE',
    'PERMISSIVE',
    'STRICT',
  ]),
});

export const peerAuthenticationSpec: JsonSchema = {
  ...object('Whether workloads take plaintext connections.', {
    selector: matchLabels,
    mtls: mutualTls,
    portLevelMtls: {
      type: 'object',
      description: 'Exceptions by port of the workload. Needs a selector.',
      additionalProperties: mutualTls,
    },
  }),
  'x-kubernetes-validations': [
    {
      rule: 'has(self.portLevelMtls) ? (has(self.selector) && has(self.selector.matchLabels) && self.selector.matchLabels.size() > 0) : true',
      message: 'portLevelMtls requires selector',
    },
  ],
};
