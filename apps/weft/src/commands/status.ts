import { ClusterHandle } from '@weft/testing-local-cluster';
import { stateDirOf, type CommandOptions } from '../options.js';
import { renderPicture } from '../picture/render-picture.js';
import { takePicture } from '../picture/take-picture.js';
import { ClusterSession } from './session.js';
import { Terminal } from './terminal.js';

/** Tells what runs. Status 3 when nothing does, as service managers answer. */
export async function status({ name, json }: CommandOptions): Promise<number> {
  const terminal = new Terminal(false);
  const handle = await ClusterHandle.attach(stateDirOf(name));
  if (handle === null) {
    terminal.print(
      json ? JSON.stringify({ cluster: name, running: false }) : `cluster ${name} does not run; ./weft up starts it`,
    );
    return 3;
  }
  const session = new ClusterSession(handle);
  try {
    const picture = await takePicture(name, session.kube, session, new Date());
    const shown = { running: true, pid: handle.pid, kubeconfig: handle.kubeconfigPath, ...picture };
    terminal.print(
      json
        ? JSON.stringify(shown, null, 2)
        : renderPicture(picture, { color: terminal.interactive, columns: terminal.columns }),
    );
    return 0;
  } finally {
    session.close();
  }
}
