import { closeDescriptor, duplicateDescriptor } from '@weft/linux';
import { upstreamFrom } from './connect-upstream.js';
import type { OnDnsMessage, PodSockets } from './dns-proxy.js';
import { PodDnsListeners } from './pod-dns-listeners.js';

export interface PodDnsSettings {
  readonly mark: number;
  readonly port: number;
  readonly ipv6: boolean;
}

/** Listeners of a pod, and the way out of it. Keeps a descriptor of the pod's network namespace of its own until it is closed. */
export function openPodDns(netnsFd: number, settings: PodDnsSettings, onMessage: OnDnsMessage): PodSockets {
  const own = duplicateDescriptor(netnsFd);
  try {
    const listeners = new PodDnsListeners({ ...settings, netnsFd: own, onMessage });
    let closed = false;
    return {
      connect: upstreamFrom(own, settings.mark),
      close: () => {
        if (closed) return;
        closed = true;
        listeners.close();
        closeDescriptor(own);
      },
    };
  } catch (cause) {
    closeDescriptor(own);
    throw cause;
  }
}
