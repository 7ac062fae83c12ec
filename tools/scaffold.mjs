// Writes project.json, jest.config.js and tsconfig.json of every project from the table below, and the path aliases of
// tsconfig.base.json. Run it after adding a row: `node tools/scaffold.mjs`.
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { relative } from 'node:path';

/** [folder, layer, scope] */
const libs = [
  ['libs/result', 'core', 'shared'],
  ['libs/ip', 'core', 'shared'],
  ['libs/hbone', 'core', 'shared'],
  ['libs/proxy-protocol', 'core', 'shared'],
  ['libs/spiffe', 'core', 'shared'],
  ['libs/tls-profile', 'core', 'shared'],
  ['libs/collections', 'core', 'shared'],
  ['libs/xds', 'api', 'shared'],
  ['libs/mesh-api', 'api', 'shared'],
  ['libs/policy', 'api', 'shared'],
  ['libs/gateway-api', 'api', 'control'],
  ['libs/linux', 'io', 'shared'],
  ['libs/tls', 'io', 'shared'],
  ['libs/xds-grpc', 'io', 'shared'],
  ['libs/kube', 'io', 'shared'],
  ['libs/runtime', 'io', 'shared'],
  ['libs/mesh-model', 'service', 'control'],
  ['libs/envoy-config', 'service', 'control'],
  ['libs/testing/kube-apiserver', 'testing', 'testing'],
  ['libs/testing/kube-schema', 'testing', 'testing'],
  ['libs/testing/kube-controllers', 'testing', 'testing'],
  ['libs/testing/cluster-network', 'testing', 'testing'],
  ['libs/testing/local-cluster', 'testing', 'testing'],
  ['libs/testing/mesh-deployment', 'testing', 'testing'],
  ['libs/testing/fixtures', 'testing', 'testing'],
  ['libs/testing/fuzz', 'testing', 'testing'],
  ['libs/testing/xds-server', 'testing', 'testing'],
  ['libs/testing/certificates', 'testing', 'testing'],
];
/** [folder, scope] */
const apps = [
  ['apps/control-plane', 'control'],
  ['apps/waypoint-manager', 'control'],
  ['apps/ca', 'identity'],
  ['apps/ztunnel', 'data'],
  ['apps/cni-agent', 'node'],
  ['apps/proxy-agent', 'data'],
  ['apps/weft', 'testing'],
  ['bench', 'testing'],
];

const json = (file, value) => writeFileSync(file, JSON.stringify(value, null, 2) + '\n');
const name = (folder) => folder.split('/').slice(1).join('-') || folder;
const tsc = 'node node_modules/typescript-native/bin/tsc';

function scaffold(folder, projectType, tags, extraTargets = {}) {
  mkdirSync(`${folder}/src`, { recursive: true });
  const up = relative(folder, '.');
  json(`${folder}/project.json`, {
    name: name(folder),
    $schema: `${up}/node_modules/nx/schemas/project-schema.json`,
    sourceRoot: `${folder}/src`,
    projectType,
    tags,
    ...(folder === 'libs/xds'
      ? {
          namedInputs: {
            default: ['{projectRoot}/**/*', 'sharedGlobals', 'protoSources'],
            production: ['default', '!{projectRoot}/**/*.spec.ts'],
          },
        }
      : {}),
    targets: {
      typecheck: { command: `${tsc} -p ${folder}/tsconfig.json` },
      test: { command: `jest -c ${folder}/jest.config.js --passWithNoTests` },
      lint: { command: `eslint ${folder}` },
      ...extraTargets,
    },
  });
  writeFileSync(
    `${folder}/jest.config.js`,
    `module.exports = { ...require('${up}/jest.preset.js'), displayName: '${name(folder)}', rootDir: __dirname };\n`,
  );
  json(`${folder}/tsconfig.json`, {
    extends: `${up}/tsconfig.base.json`,
    include: ['src/**/*.ts', `${up}/types/*.d.ts`],
  });
}

for (const [folder, layer, scope] of libs) {
  const generate =
    folder === 'libs/xds'
      ? {
          generate: {
            command: 'node tools/gen-protos.mjs',
            cache: true,
            inputs: ['protoSources'],
            outputs: ['{projectRoot}/src/gen'],
          },
        }
      : {};
  scaffold(folder, 'library', ['type:lib', `layer:${layer}`, `scope:${scope}`], generate);
}
for (const [folder, scope] of apps) {
  const app = name(folder);
  scaffold(folder, 'application', ['type:app', 'layer:app', `scope:${scope}`], {
    build: { command: `node tools/bundle.mjs ${app}` },
    serve: { command: `node dist/${folder}/main.cjs` },
  });
}

const base = JSON.parse(readFileSync('tsconfig.base.json', 'utf8'));
base.compilerOptions.paths = Object.fromEntries([
  ...libs.map(([folder]) => [`@weft/${name(folder)}`, [`./${folder}/src/index.ts`]]),
  ['@weft/spiffe/identity', ['./libs/spiffe/src/identity.ts']],
  ['@weft/kube/testing', ['./libs/kube/src/testing/index.ts']],
  ['@weft/xds/gen/*', ['./libs/xds/src/gen/*']],
]);
json('tsconfig.base.json', base);

const written = [...libs, ...apps].flatMap(([folder]) =>
  ['project.json', 'tsconfig.json', 'jest.config.js'].map((file) => `${folder}/${file}`),
);
execFileSync('node_modules/.bin/prettier', ['--log-level', 'warn', '--write', 'tsconfig.base.json', ...written], {
  stdio: 'inherit',
});
