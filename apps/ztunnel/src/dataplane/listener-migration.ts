import { changeNamespaceSetting } from './namespace-setting.js';

/**
 * Lets the kernel hand connections that wait in the queue of a closing listener to another one on the same port
 * (`tcp_migrate_req`, Linux 5.14). A new ztunnel listens beside the one it replaces; without this, connections that the old
 * one had not accepted yet are reset when it closes its listeners.
 *
 * Stays set: with a single listener it changes nothing.
 */
export function allowListenerMigration(netnsFd: number): void {
  changeNamespaceSetting(netnsFd, 'ipv4/tcp_migrate_req', '0', '1');
}
