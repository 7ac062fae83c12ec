import { readFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { MeshError, toError } from '@weft/result';
import { ClusterHandle, parseLocalImages, spawnCluster, type LocalImages } from '@weft/testing-local-cluster';
import { installMesh, loadManifest, manifestValues } from '@weft/testing-mesh-deployment';
import { stateDirOf, type CommandOptions } from '../options.js';
import type { Picture } from '../picture/picture.js';
import { renderPicture } from '../picture/render-picture.js';
import { takePicture } from '../picture/take-picture.js';
import { ClusterSession } from './session.js';
import { Terminal } from './terminal.js';

const READY_TIMEOUT_MS = 90_000;
const REDRAW_MS = 1000;
/** How long a first picture waits for the demo to have talked. */
const FIRST_TRAFFIC_MS = 20_000;

/** Starts what does not run yet, and shows the picture: once, or live until Ctrl-C. */
export async function up(options: CommandOptions, root: string): Promise<void> {
  const terminal = new Terminal(options.json);
  const { handle, fresh } = await startCluster(options, root, terminal);
  const session = new ClusterSession(handle);
  try {
    if (options.mesh) await deploy(options, root, session, terminal);
    const live = !options.once && !options.json && terminal.interactive;
    const picture = (): Promise<Picture> => takePicture(options.name, session.kube, session, new Date());
    if (live) {
      await showLive(picture, terminal, handle);
      return;
    }
    const first = options.demo && fresh ? await untilTraffic(picture) : await picture();
    if (options.json) terminal.print(JSON.stringify(first, null, 2));
    else
      terminal.print(
        renderPicture(first, { color: terminal.interactive, columns: terminal.columns }) + nextSteps(handle),
      );
  } finally {
    session.close();
  }
}

async function startCluster(
  { name, nodes, ipFamily, images }: CommandOptions,
  root: string,
  terminal: Terminal,
): Promise<{ handle: ClusterHandle; fresh: boolean }> {
  const stateDir = stateDirOf(name);
  const running = await ClusterHandle.attach(stateDir);
  if (running !== null) {
    terminal.step(
      `cluster ${name} runs already${images === undefined ? '' : ', with the images that it was started with'}`,
    );
    return { handle: running, fresh: false };
  }
  const handle = await spawnCluster({
    name,
    stateDir,
    entry: join(root, 'dist/apps/weft/cluster.cjs'),
    sharedPaths: images === undefined ? [root] : [root, dirname(resolve(images))],
    images: images === undefined ? {} : await readImages(resolve(images)),
    nodes: Array.from({ length: nodes }, (_, i) => ({ name: `node-${i + 1}`, region: 'local', zone: `zone-${i + 1}` })),
    ipFamily,
    persistFile: persistFileOf(name),
    onProgress: (step) => terminal.step(step),
  });
  return { handle, fresh: true };
}

/** The file of `--images` cannot be used; the message names the file and the field. */
class ImagesFileError extends MeshError {
  readonly code = 'WEFT_BAD_IMAGES';
}

async function readImages(file: string): Promise<LocalImages> {
  const text = await readFile(file, 'utf8').catch((thrown: unknown) => {
    throw new ImagesFileError(`--images: ${toError(thrown).message}`, { cause: thrown });
  });
  const images = parseLocalImages(text, dirname(file));
  if (!images.ok) throw new ImagesFileError(`--images ${file}: ${images.error}`);
  return images.value;
}

/** Where the objects are kept for `up` after `down --keep`. */
export function persistFileOf(name: string): string {
  return join(stateDirOf(name), 'objects.json');
}

async function deploy(
  { demo }: CommandOptions,
  root: string,
  session: ClusterSession,
  terminal: Terminal,
): Promise<void> {
  terminal.step('installing the mesh');
  const deployer = await installMesh(session.kube, { root, timeoutMs: READY_TIMEOUT_MS });
  if (demo) {
    terminal.step('starting the demo');
    await deployer.apply(loadManifest(join(root, 'apps/weft/manifests/demo.yaml'), manifestValues(root)));
    await deployer.waitReady(['shop', 'legacy'], READY_TIMEOUT_MS);
  }
  terminal.step('ready');
}

/** The demo's clients take a second or two for their first round. */
async function untilTraffic(picture: () => Promise<Picture>): Promise<Picture> {
  const end = performance.now() + FIRST_TRAFFIC_MS;
  for (;;) {
    const now = await picture();
    const enough =
      now.connections.some(({ security, bytesReceived }) => security === 'mTLS' && bytesReceived > 0) &&
      now.connections.some(({ source, destination }) => source === 'shop/orders' && destination === 'shop/db') &&
      now.connections.some(({ security }) => security === 'plain') &&
      now.requests.some(({ status }) => status === 200);
    if ((enough && now.denials.length > 0) || performance.now() > end) return now;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

async function showLive(picture: () => Promise<Picture>, terminal: Terminal, handle: ClusterHandle): Promise<void> {
  let stopped = false;
  const interrupted = new Promise<void>((resolve) => {
    process.once('SIGINT', () => {
      stopped = true;
      resolve();
    });
  });
  const footer = `${nextSteps(handle)}\nCtrl-C leaves the cluster running.`;
  process.stdout.write('\u001b[2J');
  while (!stopped) {
    const now = await picture();
    terminal.draw(renderPicture(now, { color: true, columns: terminal.columns }) + footer);
    await Promise.race([interrupted, new Promise((resolve) => setTimeout(resolve, REDRAW_MS))]);
  }
  terminal.print('');
}

function nextSteps(handle: ClusterHandle): string {
  return [
    '',
    `export KUBECONFIG=${handle.kubeconfigPath}`,
    'kubectl get pods -A -o wide',
    'kubectl -n istio-system logs daemonset/ztunnel --tail 5',
    'kubectl label namespace legacy istio.io/dataplane-mode=ambient',
  ].join('\n');
}
