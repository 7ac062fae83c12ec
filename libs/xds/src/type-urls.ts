/** `type.googleapis.com/` names of the resources that travel over xDS. */
export const ADDRESS_TYPE_URL = 'type.googleapis.com/istio.workload.Address';
export const WORKLOAD_TYPE_URL = 'type.googleapis.com/istio.workload.Workload';
export const AUTHORIZATION_TYPE_URL = 'type.googleapis.com/istio.security.Authorization';
