/** Field table of Kubernetes 1.32, in the notation of parse-fields.ts. Made by tools/extract-types.go: do not edit. */
export const NETWORK_FIELDS = `
discovery.v1.Endpoint addresses:[s]!@set conditions:EndpointConditions hostname:s targetRef:core.v1.ObjectReference deprecatedTopology:{s} nodeName:s zone:s hints:EndpointHints
discovery.v1.EndpointConditions ready:b serving:b terminating:b
discovery.v1.EndpointHints forZones:[ForZone]@atomic
discovery.v1.EndpointPort@atomic name:s protocol:s port:i appProtocol:s
discovery.v1.EndpointSlice kind:s apiVersion:s metadata:meta.v1.ObjectMeta addressType:s! endpoints:[Endpoint]!@atomic ports:[EndpointPort]@atomic
discovery.v1.ForZone name:s!
networking.v1.HTTPIngressPath path:s pathType:s! backend:IngressBackend!
networking.v1.HTTPIngressRuleValue paths:[HTTPIngressPath]!@atomic
networking.v1.IPBlock cidr:s! except:[s]@atomic
networking.v1.Ingress kind:s apiVersion:s metadata:meta.v1.ObjectMeta spec:IngressSpec status:IngressStatus
networking.v1.IngressBackend service:IngressServiceBackend resource:core.v1.TypedLocalObjectReference
networking.v1.IngressClass kind:s apiVersion:s metadata:meta.v1.ObjectMeta spec:IngressClassSpec
networking.v1.IngressClassParametersReference apiGroup:s kind:s! name:s! scope:s namespace:s
networking.v1.IngressClassSpec controller:s parameters:IngressClassParametersReference
networking.v1.IngressLoadBalancerIngress ip:s hostname:s ports:[IngressPortStatus]@atomic
networking.v1.IngressLoadBalancerStatus ingress:[IngressLoadBalancerIngress]@atomic
networking.v1.IngressPortStatus port:i! protocol:s! error:s
networking.v1.IngressRule host:s http:HTTPIngressRuleValue
networking.v1.IngressRuleValue http:HTTPIngressRuleValue
networking.v1.IngressServiceBackend name:s! port:ServiceBackendPort
networking.v1.IngressSpec ingressClassName:s defaultBackend:IngressBackend tls:[IngressTLS]@atomic rules:[IngressRule]@atomic
networking.v1.IngressStatus loadBalancer:IngressLoadBalancerStatus
networking.v1.IngressTLS hosts:[s]@atomic secretName:s
networking.v1.NetworkPolicy kind:s apiVersion:s metadata:meta.v1.ObjectMeta spec:NetworkPolicySpec
networking.v1.NetworkPolicyEgressRule ports:[NetworkPolicyPort]@atomic to:[NetworkPolicyPeer]@atomic
networking.v1.NetworkPolicyIngressRule ports:[NetworkPolicyPort]@atomic from:[NetworkPolicyPeer]@atomic
networking.v1.NetworkPolicyPeer podSelector:meta.v1.LabelSelector namespaceSelector:meta.v1.LabelSelector ipBlock:IPBlock
networking.v1.NetworkPolicyPort protocol:s port:x endPort:i
networking.v1.NetworkPolicySpec podSelector:meta.v1.LabelSelector! ingress:[NetworkPolicyIngressRule]@atomic egress:[NetworkPolicyEgressRule]@atomic policyTypes:[s]@atomic
networking.v1.ServiceBackendPort@atomic name:s number:i
`;
