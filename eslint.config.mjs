import nx from '@nx/eslint-plugin';
import tseslint from 'typescript-eslint';

const noIo = [
  ['net', 'core and api code takes bytes, not sockets; put the socket in a layer:io lib'],
  ['tls', 'take a Tls port; see libs/tls'],
  ['http', 'take a port; servers live in libs/runtime'],
  ['http2', 'HTTP/2 is libs/hbone; gRPC is libs/grpc'],
  ['dgram', 'core and api code takes bytes, not sockets'],
  ['fs', 'take the content as a parameter; read files in a layer:io lib or in an app'],
  ['fs/promises', 'take the content as a parameter; read files in a layer:io lib or in an app'],
  ['child_process', 'run programs from a layer:io lib'],
  ['worker_threads', 'threads belong to apps'],
].flatMap(([name, message]) => [
  { name: `node:${name}`, message },
  { name, message },
]);
const noIoPackages = ['@grpc/grpc-js', '@kubernetes/client-node', 'fastify', 'koffi', 'pino', 'prom-client'].map(
  (name) => ({
    name,
    message: 'core and api code is pure: use it from a layer:io lib or an app and pass in a narrow port',
  }),
);
const layers = (sourceTag, onlyDependOnLibsWithTags) => ({ sourceTag, onlyDependOnLibsWithTags });

/** Which layers and scopes may be imported; `extra` opens more to every layer (test code may use layer:testing). */
const boundaries = (extra, testing = extra.length > 0 ? ['scope:testing'] : []) => [
  'error',
  {
    enforceBuildableLibDependency: false,
    allow: [],
    depConstraints: [
      layers('layer:core', ['layer:core', ...extra]),
      layers('layer:api', ['layer:api', 'layer:core', ...extra]),
      layers('layer:io', ['layer:io', 'layer:api', 'layer:core', ...extra]),
      layers('layer:service', ['layer:service', 'layer:api', 'layer:core', ...extra]),
      layers('layer:app', ['layer:service', 'layer:io', 'layer:api', 'layer:core', ...extra]),
      layers('layer:testing', ['layer:testing', 'layer:service', 'layer:io', 'layer:api', 'layer:core']),
      layers('scope:control', ['scope:control', 'scope:shared', ...testing]),
      layers('scope:data', ['scope:data', 'scope:shared', ...testing]),
      layers('scope:identity', ['scope:identity', 'scope:shared', ...testing]),
      layers('scope:node', ['scope:node', 'scope:shared', ...testing]),
      layers('scope:shared', ['scope:shared', ...testing]),
    ],
  },
];

export default tseslint.config(
  { ignores: ['**/dist/**', '**/gen/**', '**/node_modules/**', '**/tmp/**', '**/*.js', '**/*.cjs', '**/*.mjs'] },
  ...tseslint.configs.strictTypeChecked,
  {
    files: ['**/*.ts'],
    languageOptions: {
      parserOptions: { project: './tsconfig.json', tsconfigRootDir: import.meta.dirname },
    },
    plugins: { '@nx': nx },
    rules: {
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      '@typescript-eslint/restrict-plus-operands': 'off',
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/no-unnecessary-condition': ['error', { allowConstantLoopConditions: true }],
      '@typescript-eslint/consistent-type-imports': 'error',
      // An inline `type` in every name leaves an import for its side effects behind, and bundles grow by it.
      '@typescript-eslint/no-import-type-side-effects': 'error',
      '@nx/enforce-module-boundaries': boundaries([]),
    },
  },
  {
    files: ['libs/{result,ip,hbone,spiffe,collections,xds,mesh-api,policy,mesh-model}/src/**/*.ts'],
    ignores: ['**/*.spec.ts', '**/testing/**'],
    rules: {
      'no-restricted-imports': ['error', { paths: [...noIo, ...noIoPackages] }],
      'no-restricted-syntax': [
        'error',
        {
          selector: "CallExpression[callee.object.name='Date'][callee.property.name='now']",
          message: 'take a Clock port',
        },
        { selector: "CallExpression[callee.name='setTimeout']", message: 'take a Clock port' },
        { selector: "MemberExpression[object.name='process'][property.name='env']", message: 'take a typed config' },
      ],
    },
  },
  {
    // Test code, and the launcher that starts the local cluster, may use layer:testing.
    files: ['**/*.spec.ts', '**/src/testing/**/*.ts', 'apps/weft/**/*.ts', 'e2e/**/*.ts', 'bench/**/*.ts'],
    rules: { '@nx/enforce-module-boundaries': boundaries(['layer:testing']) },
  },
  {
    files: ['**/*.ts'],
    rules: {
      'no-restricted-exports': ['error', { restrictDefaultExports: { direct: true } }],
    },
  },
);
