import { describe, type FieldReader } from '../field-reader.js';
import { list } from '../schema/collection-fields.js';
import { refined, required, withSchema } from '../schema/field.js';
import { object } from '../schema/object-field.js';
import { anything, choice, integer, port, text } from '../schema/scalar-fields.js';

const SCHEMES = ['http', 'https', 'file', 'oci'];

const url = withSchema(
  refined(
    text('Where the module is: oci://, https://, file://, or an image without scheme.', { minLength: 1 }),
    (value, reader) => {
      const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(value)?.[1]?.toLowerCase();
      const known = scheme === undefined || SCHEMES.includes(scheme);
      if (known && URL.canParse(scheme === undefined ? `oci://${value}` : value)) return value;
      reader.error(
        `${describe(value)} is not a URL of a module`,
        `use one of ${SCHEMES.map((one) => `${one}://`).join(', ')}`,
      );
      return undefined;
    },
  ),
  {
    'x-kubernetes-validations': [
      {
        rule: 'isURL(self) ? (url(self).getScheme() in ["", "http", "https", "oci", "file"]) : (isURL("http://" + self) && url("http://" + self).getScheme() in ["", "http", "https", "oci", "file"])',
        message: 'url must have schema one of [http, https, file, oci]',
      },
    ],
  },
);

const SHA256 = '(^$|^[a-f0-9]{64}$)';

const environment = object(
  'A variable.',
  {
    name: required(text('Name.', { minLength: 1, maxLength: 256 })),
    valueFrom: choice('Where the value comes from. Default INLINE.', ['INLINE', 'HOST']),
    value: text('Value.', { maxLength: 2048 }),
  },
  {
    rules: [
      {
        rule: '(has(self.valueFrom) ? self.valueFrom : "") != "HOST" || !has(self.value)',
        message: 'value may only be set when valueFrom is INLINE',
      },
    ],
    refine: (value, at) => {
      if (value.valueFrom !== 'HOST' || value.value === undefined) return value;
      at.value.error('is set with valueFrom HOST', 'remove it, or use INLINE');
      return undefined;
    },
  },
);

const uniqueNames = (items: readonly { readonly name: string }[], reader: FieldReader) => {
  const readers = reader.list();
  return items.filter(({ name }, i) => {
    const first = items.findIndex((one) => one.name === name) === i;
    if (!first) readers[i]?.field('name').error(`${describe(name)} is there twice`, 'remove one');
    return first;
  });
};

/** What a WasmPlugin and the Wasm half of a TrafficExtension have in common. */
export const wasmFields = {
  url: required(url),
  sha256: withSchema(
    text('Checksum of the module or image.', {
      format: {
        schema: { pattern: SHA256 },
        cure: 'write 64 hexadecimal digits in lower case',
        fault: (value) => (new RegExp(SHA256).test(value) ? null : 'is not a SHA-256 checksum'),
      },
    }),
    {},
  ),
  imagePullPolicy: choice('When the image is fetched again.', ['UNSPECIFIED_POLICY', 'IfNotPresent', 'Always']),
  imagePullSecret: text('Secret for the registry.', { minLength: 1, maxLength: 253 }),
  verificationKey: text('Not used.'),
  pluginConfig: anything('Configuration of the module.'),
  pluginName: text('Name of the plugin in the module.', { minLength: 1, maxLength: 256 }),
  failStrategy: choice('What becomes of requests when the module fails.', ['FAIL_CLOSE', 'FAIL_OPEN', 'FAIL_RELOAD']),
  vmConfig: object('The virtual machine.', {
    env: refined(
      list('Environment.', environment, { maxItems: 256, keys: ['name'] }),
      (items, reader) => uniqueNames(items, reader) as typeof items,
    ),
  }),
  type: choice('What it filters. Default HTTP.', ['UNSPECIFIED_PLUGIN_TYPE', 'HTTP', 'NETWORK']),
} as const;

/** Where an extension works. */
export const trafficSelector = list(
  'Traffic that it is for. Default all.',
  object('Both conditions must hold.', {
    mode: choice('Side of the proxy.', ['UNDEFINED', 'CLIENT', 'SERVER', 'CLIENT_AND_SERVER']),
    ports: list('Ports.', object('A port.', { number: required(port('Port number.')) }), { keys: ['number'] }),
  }),
);
export const priority = withSchema(
  integer('Order in its phase; the highest goes first.', -2_147_483_648, 2_147_483_647),
  {
    nullable: true,
  },
);
