// Generates libs/xds/src/gen with ts-proto: our own messages from protos/mesh, and the Envoy discovery messages from the
// protos that @grpc/grpc-js-xds ships. The output is git-ignored; Nx caches it by the proto sources.
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';

const deps = 'node_modules/@grpc/grpc-js-xds/deps';
const out = 'libs/xds/src/gen';
rmSync(out, { recursive: true, force: true });
mkdirSync('tmp/pgv/validate', { recursive: true });

// The protoc-gen-validate copy in that package predates `ignore_empty`, which its Envoy protos use, and buf refuses an
// unknown option. Nobody reads these options here, so a placeholder field in a temporary copy is enough.
const validate = readFileSync(`${deps}/protoc-gen-validate/validate/validate.proto`, 'utf8').replaceAll('\r', '');
const rules =
  /(message (?:String|Bytes|Repeated|Map|S?Fixed(?:32|64)|[SU]?Int(?:32|64)|Float|Double)Rules \{\n)(?![^}]*ignore_empty)/g;
writeFileSync('tmp/pgv/validate/validate.proto', validate.replace(rules, '$1    optional bool ignore_empty = 1000;\n'));

// Its Envoy protos predate `address_match` of FilterStateMatcher (Envoy 1.36), without which a policy cannot ask for the address of
// a client behind a tunnel. The folder is taken from a temporary copy that has the field.
const matchers = 'envoy/type/matcher/v3';
mkdirSync(`tmp/newer/${matchers}`, { recursive: true });
cpSync(`${deps}/envoy-api/${matchers}`, `tmp/newer/${matchers}`, { recursive: true });
const state = readFileSync(`tmp/newer/${matchers}/filter_state.proto`, 'utf8').replaceAll('\r', '');
const field = '    StringMatcher string_match = 2;\n';
if (!state.includes('address_match')) {
  const address =
    'message AddressMatcher {\n  repeated xds.core.v3.CidrRange ranges = 1;\n  bool invert_match = 2;\n}\n';
  const patched = state
    .replace(field, `${field}    AddressMatcher address_match = 3;\n`)
    .replace(/^import /m, 'import "xds/core/v3/cidr.proto";\nimport ');
  writeFileSync(`tmp/newer/${matchers}/filter_state.proto`, `${patched}\n${address}`);
}

// Nor have they `failure_policy` of Wasm plugins (Envoy 1.34), by which a module that trapped is loaded again.
const wasm = 'envoy/extensions/wasm/v3';
mkdirSync(`tmp/newer/${wasm}`, { recursive: true });
const plugin = readFileSync(`${deps}/envoy-api/${wasm}/wasm.proto`, 'utf8').replaceAll('\r', '');
const policy =
  'enum FailurePolicy {\n  UNSPECIFIED = 0;\n  FAIL_RELOAD = 1;\n  FAIL_CLOSED = 2;\n  FAIL_OPEN = 3;\n}\n';
writeFileSync(
  `tmp/newer/${wasm}/wasm.proto`,
  plugin.includes('failure_policy')
    ? plugin
    : `${plugin.replace(/^message PluginConfig \{\n/m, '$&  FailurePolicy failure_policy = 7;\n')}\n${policy}`,
);

const roots = ['protos', 'tmp/pgv', 'tmp/newer', `${deps}/xds`, `${deps}/googleapis`].map((path) => ({ path }));
const replaced = [matchers, wasm].map((folder) => `${deps}/envoy-api/${folder}`);
const modules = [...roots, { path: `${deps}/envoy-api`, excludes: replaced }];
writeFileSync('buf.yaml', JSON.stringify({ version: 'v2', modules }));
const options = [
  'esModuleInterop=true',
  'outputServices=grpc-js',
  'env=node',
  'oneof=unions-value',
  'forceLong=bigint',
  'importSuffix=.js',
  'exportCommonSymbols=false',
  'outputTypeRegistry=true',
  'annotateFilesWithVersion=false',
  'comments=false',
  'useExactTypes=false',
  'useOptionals=messages',
];
const template = JSON.stringify({
  version: 'v2',
  plugins: [{ local: ['node_modules/.bin/protoc-gen-ts_proto'], out, strategy: 'all', opt: options }],
});
const envoy = readFileSync('tools/xds-roots.txt', 'utf8').trim().split('\n');
const paths = envoy
  .map((file) => `${deps}/envoy-api/${file}`)
  .concat(`${deps}/xds/xds/type/matcher/v3/ip.proto`, 'protos/mesh', 'protos/envoy');
const onlyThese = (files) => files.flatMap((path) => ['--path', path]);
execFileSync('node_modules/.bin/buf', ['generate', '--include-imports', '--template', template, ...onlyThese(paths)], {
  stdio: 'inherit',
});

// What users write as Envoy has it (EnvoyFilter) is read by the descriptors of the same files.
const image = 'tmp/descriptors.binpb';
const described = [...paths, `${deps}/xds/xds/type/v3/typed_struct.proto`];
execFileSync('node_modules/.bin/buf', ['build', '--exclude-source-info', '-o', image, ...onlyThese(described)], {
  stdio: 'inherit',
});
const base64 = readFileSync(image).toString('base64');
writeFileSync(
  `${out}/descriptors.ts`,
  `/** A FileDescriptorSet, in base64. */\nexport const DESCRIPTORS: string =\n  '${base64}';\n`,
);
