// Packages that ship only ES modules; jest runs CommonJS, so SWC has to transform them.
const esmOnly = [
  '@kubernetes/client-node',
  '@marcbachmann/cel-js',
  'openid-client',
  'oauth4webapi',
  'jose',
  'jsonpath-plus',
  'socks-proxy-agent',
  'agent-base',
];

module.exports = {
  testEnvironment: 'node',
  // A hang is found all the same; a kernel or a disk that others keep busy is not taken for one. Several waits, each of which
  // names what it waits for after 20 s, have to fit in.
  testTimeout: 60_000,
  testMatch: ['**/*.spec.ts'],
  moduleFileExtensions: ['ts', 'js', 'mjs', 'cjs', 'json', 'node'],
  resolver: '@nx/jest/plugins/resolver',
  transform: {
    '^.+\\.[cm]?[tj]s$': [
      '@swc/jest',
      {
        swcrc: false,
        jsc: { parser: { syntax: 'typescript' }, target: 'es2022' },
        module: { type: 'commonjs' },
        sourceMaps: 'inline',
      },
    ],
  },
  transformIgnorePatterns: ['/node_modules/(?!(' + esmOnly.join('|') + ')/)'],
};
