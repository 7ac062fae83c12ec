/**
 * The served resources of Kubernetes 1.32 (ClusterTrustBundle: of 1.33), one in a line: `group/version Kind plural [ns] [gen] [virtual] [short=..] [cat=..] [sub=..] [fields=..]`.
 * `ns` namespaced, `gen` metadata.generation counts, `virtual` answered and not stored, `fields` field selectors besides name and namespace.
 */
export const RESOURCE_TABLE = `
core/v1 Binding bindings ns virtual
core/v1 ConfigMap configmaps ns short=cm
core/v1 Endpoints endpoints ns short=ep
core/v1 Event events ns short=ev fields=involvedObject.kind,involvedObject.namespace,involvedObject.name,involvedObject.uid,involvedObject.apiVersion,involvedObject.resourceVersion,involvedObject.fieldPath,reason,reportingComponent,source,type
core/v1 LimitRange limitranges ns short=limits
core/v1 Namespace namespaces short=ns sub=finalize,status fields=status.phase
core/v1 Node nodes short=no sub=status fields=spec.unschedulable
core/v1 PersistentVolumeClaim persistentvolumeclaims ns short=pvc sub=status
core/v1 PersistentVolume persistentvolumes short=pv sub=status
core/v1 Pod pods ns short=po cat=all sub=attach,binding,ephemeralcontainers,eviction,exec,log,portforward,status fields=spec.nodeName,spec.restartPolicy,spec.schedulerName,spec.serviceAccountName,spec.hostNetwork,status.phase,status.podIP,status.podIPs,status.nominatedNodeName
core/v1 PodTemplate podtemplates ns gen
core/v1 ReplicationController replicationcontrollers ns gen short=rc cat=all sub=scale,status fields=status.replicas
core/v1 ResourceQuota resourcequotas ns short=quota sub=status
core/v1 Secret secrets ns fields=type
core/v1 ServiceAccount serviceaccounts ns short=sa sub=token
core/v1 Service services ns short=svc cat=all sub=status fields=spec.clusterIP,spec.type
admissionregistration.k8s.io/v1 MutatingWebhookConfiguration mutatingwebhookconfigurations gen cat=api-extensions
admissionregistration.k8s.io/v1 ValidatingAdmissionPolicy validatingadmissionpolicies gen cat=api-extensions sub=status
admissionregistration.k8s.io/v1 ValidatingAdmissionPolicyBinding validatingadmissionpolicybindings gen cat=api-extensions
admissionregistration.k8s.io/v1 ValidatingWebhookConfiguration validatingwebhookconfigurations gen cat=api-extensions
apiextensions.k8s.io/v1 CustomResourceDefinition customresourcedefinitions gen short=crd,crds cat=api-extensions sub=status
apps/v1 ControllerRevision controllerrevisions ns
apps/v1 DaemonSet daemonsets ns gen short=ds cat=all sub=status
apps/v1 Deployment deployments ns gen short=deploy cat=all sub=scale,status
apps/v1 ReplicaSet replicasets ns gen short=rs cat=all sub=scale,status fields=status.replicas
apps/v1 StatefulSet statefulsets ns gen short=sts cat=all sub=scale,status
authentication.k8s.io/v1 SelfSubjectReview selfsubjectreviews virtual
authentication.k8s.io/v1 TokenReview tokenreviews virtual
authorization.k8s.io/v1 LocalSubjectAccessReview localsubjectaccessreviews ns virtual
authorization.k8s.io/v1 SelfSubjectAccessReview selfsubjectaccessreviews virtual
authorization.k8s.io/v1 SelfSubjectRulesReview selfsubjectrulesreviews virtual
authorization.k8s.io/v1 SubjectAccessReview subjectaccessreviews virtual
autoscaling/v2 HorizontalPodAutoscaler horizontalpodautoscalers ns short=hpa cat=all sub=status
batch/v1 CronJob cronjobs ns gen short=cj cat=all sub=status
batch/v1 Job jobs ns gen cat=all sub=status fields=status.successful
certificates.k8s.io/v1 CertificateSigningRequest certificatesigningrequests short=csr sub=approval,status fields=spec.signerName
certificates.k8s.io/v1beta1 ClusterTrustBundle clustertrustbundles fields=spec.signerName
coordination.k8s.io/v1 Lease leases ns
discovery.k8s.io/v1 EndpointSlice endpointslices ns gen
events.k8s.io/v1 Event events ns short=ev fields=regarding.kind,regarding.namespace,regarding.name,regarding.uid,regarding.apiVersion,regarding.resourceVersion,regarding.fieldPath,reason,reportingController,type
networking.k8s.io/v1 Ingress ingresses ns gen short=ing sub=status
networking.k8s.io/v1 IngressClass ingressclasses gen
networking.k8s.io/v1 NetworkPolicy networkpolicies ns gen short=netpol
policy/v1 PodDisruptionBudget poddisruptionbudgets ns gen short=pdb sub=status
rbac.authorization.k8s.io/v1 ClusterRole clusterroles
rbac.authorization.k8s.io/v1 ClusterRoleBinding clusterrolebindings
rbac.authorization.k8s.io/v1 Role roles ns
rbac.authorization.k8s.io/v1 RoleBinding rolebindings ns
scheduling.k8s.io/v1 PriorityClass priorityclasses gen short=pc
storage.k8s.io/v1 CSIDriver csidrivers gen
storage.k8s.io/v1 CSINode csinodes
storage.k8s.io/v1 CSIStorageCapacity csistoragecapacities ns
storage.k8s.io/v1 StorageClass storageclasses short=sc
storage.k8s.io/v1 VolumeAttachment volumeattachments sub=status gen
`;
