/** Names in a cluster's state directory, which the process inside writes and those outside read. */
export const KUBECONFIG_FILE = 'kubeconfig';
export const CONTROL_SOCKET = 'control.sock';
export const LOG_DIRECTORY = 'logs';
