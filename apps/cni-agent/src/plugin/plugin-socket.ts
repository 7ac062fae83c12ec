/** Socket of the agent in its run folder; the name is Istio's. */
export const PLUGIN_SOCKET = 'pluginevent.sock';
