import { changeNamespaceSetting } from './namespace-setting.js';

const SETTING = 'ipv4/tcp_tw_reuse';
const LOOPBACK_ONLY = '2';
const WHEN_SAFE = '1';

/**
 * Lets a pod's namespace use a local port again one second after its last connection to the same destination, instead of
 * sixty (`tcp_tw_reuse` 1; the kernel's own default allows that on loopback only).
 *
 * The proxy connects to the application with the client's address, and it is the proxy that closes first when a client
 * does. With the default, one client could open no more than about 470 connections per second to one application before
 * all ports were resting, and the search for the last free ones takes milliseconds each.
 *
 * Differs from Istio, which leaves the setting alone. A setting other than the default was made on purpose and stays.
 */
export class TimeWaitReuse {
  private constructor(private readonly netnsFd: number) {}

  /** Null when nothing was changed. */
  static enable(netnsFd: number): TimeWaitReuse | null {
    return changeNamespaceSetting(netnsFd, SETTING, LOOPBACK_ONLY, WHEN_SAFE) ? new TimeWaitReuse(netnsFd) : null;
  }

  restore(): void {
    changeNamespaceSetting(this.netnsFd, SETTING, WHEN_SAFE, LOOPBACK_ONLY);
  }
}
