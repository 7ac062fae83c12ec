/** Field table of Kubernetes 1.32, in the notation of parse-fields.ts. Made by tools/extract-types.go: do not edit. */
export const CORE_FIELDS = `
core.v1.AWSElasticBlockStoreVolumeSource volumeID:s! fsType:s partition:i readOnly:b
core.v1.Affinity nodeAffinity:NodeAffinity podAffinity:PodAffinity podAntiAffinity:PodAntiAffinity
core.v1.AppArmorProfile type:s! localhostProfile:s
core.v1.AttachedVolume name:s! devicePath:s!
core.v1.AvoidPods preferAvoidPods:[PreferAvoidPodsEntry]@atomic
core.v1.AzureDiskVolumeSource diskName:s! diskURI:s! cachingMode:s fsType:s="ext4" readOnly:b=false kind:s
core.v1.AzureFilePersistentVolumeSource secretName:s! shareName:s! readOnly:b secretNamespace:s
core.v1.AzureFileVolumeSource secretName:s! shareName:s! readOnly:b
core.v1.Binding kind:s apiVersion:s metadata:meta.v1.ObjectMeta target:ObjectReference!
core.v1.CSIPersistentVolumeSource driver:s! volumeHandle:s! readOnly:b fsType:s volumeAttributes:{s} controllerPublishSecretRef:SecretReference nodeStageSecretRef:SecretReference nodePublishSecretRef:SecretReference controllerExpandSecretRef:SecretReference nodeExpandSecretRef:SecretReference
core.v1.CSIVolumeSource driver:s! readOnly:b fsType:s volumeAttributes:{s} nodePublishSecretRef:LocalObjectReference
core.v1.Capabilities add:[s]@atomic drop:[s]@atomic
core.v1.CephFSPersistentVolumeSource monitors:[s]!@atomic path:s user:s secretFile:s secretRef:SecretReference readOnly:b
core.v1.CephFSVolumeSource monitors:[s]!@atomic path:s user:s secretFile:s secretRef:LocalObjectReference readOnly:b
core.v1.CinderPersistentVolumeSource volumeID:s! fsType:s readOnly:b secretRef:SecretReference
core.v1.CinderVolumeSource volumeID:s! fsType:s readOnly:b secretRef:LocalObjectReference
core.v1.ClientIPConfig timeoutSeconds:i
core.v1.ClusterTrustBundleProjection name:s signerName:s labelSelector:meta.v1.LabelSelector optional:b path:s!
core.v1.ComponentCondition type:s! status:s! message:s error:s
core.v1.ComponentStatus kind:s apiVersion:s metadata:meta.v1.ObjectMeta conditions:[ComponentCondition]@map(type)~merge(type)
core.v1.ConfigMap kind:s apiVersion:s metadata:meta.v1.ObjectMeta immutable:b data:{s} binaryData:{y}
core.v1.ConfigMapEnvSource name:s="" optional:b
core.v1.ConfigMapKeySelector@atomic name:s="" key:s! optional:b
core.v1.ConfigMapNodeConfigSource namespace:s! name:s! uid:s resourceVersion:s kubeletConfigKey:s!
core.v1.ConfigMapProjection name:s="" items:[KeyToPath]@atomic optional:b
core.v1.ConfigMapVolumeSource name:s="" items:[KeyToPath]@atomic defaultMode:i optional:b
core.v1.Container name:s! image:s command:[s]@atomic args:[s]@atomic workingDir:s ports:[ContainerPort]@map(containerPort,protocol)~merge(containerPort) envFrom:[EnvFromSource]@atomic env:[EnvVar]@map(name)~merge(name) resources:ResourceRequirements resizePolicy:[ContainerResizePolicy]@atomic restartPolicy:s volumeMounts:[VolumeMount]@map(mountPath)~merge(mountPath) volumeDevices:[VolumeDevice]@map(devicePath)~merge(devicePath) livenessProbe:Probe readinessProbe:Probe startupProbe:Probe lifecycle:Lifecycle terminationMessagePath:s terminationMessagePolicy:s imagePullPolicy:s securityContext:SecurityContext stdin:b stdinOnce:b tty:b
core.v1.ContainerImage names:[s]@atomic sizeBytes:l
core.v1.ContainerPort name:s hostPort:i containerPort:i! protocol:s="TCP" hostIP:s
core.v1.ContainerResizePolicy resourceName:s! restartPolicy:s!
core.v1.ContainerState waiting:ContainerStateWaiting running:ContainerStateRunning terminated:ContainerStateTerminated
core.v1.ContainerStateRunning startedAt:t
core.v1.ContainerStateTerminated exitCode:i! signal:i reason:s message:s startedAt:t finishedAt:t containerID:s
core.v1.ContainerStateWaiting reason:s message:s
core.v1.ContainerStatus name:s! state:ContainerState lastState:ContainerState ready:b! restartCount:i! image:s! imageID:s! containerID:s started:b allocatedResources:{q} resources:ResourceRequirements volumeMounts:[VolumeMountStatus]@map(mountPath)~merge(mountPath) user:ContainerUser allocatedResourcesStatus:[ResourceStatus]@map(name)~merge(name)
core.v1.ContainerUser linux:LinuxContainerUser
core.v1.DaemonEndpoint Port:i!
core.v1.DownwardAPIProjection items:[DownwardAPIVolumeFile]@atomic
core.v1.DownwardAPIVolumeFile path:s! fieldRef:ObjectFieldSelector resourceFieldRef:ResourceFieldSelector mode:i
core.v1.DownwardAPIVolumeSource items:[DownwardAPIVolumeFile]@atomic defaultMode:i
core.v1.EmptyDirVolumeSource medium:s sizeLimit:q
core.v1.EndpointAddress@atomic ip:s! hostname:s nodeName:s targetRef:ObjectReference
core.v1.EndpointPort@atomic name:s port:i! protocol:s appProtocol:s
core.v1.EndpointSubset addresses:[EndpointAddress]@atomic notReadyAddresses:[EndpointAddress]@atomic ports:[EndpointPort]@atomic
core.v1.Endpoints kind:s apiVersion:s metadata:meta.v1.ObjectMeta subsets:[EndpointSubset]@atomic
core.v1.EnvFromSource prefix:s configMapRef:ConfigMapEnvSource secretRef:SecretEnvSource
core.v1.EnvVar name:s! value:s valueFrom:EnvVarSource
core.v1.EnvVarSource fieldRef:ObjectFieldSelector resourceFieldRef:ResourceFieldSelector configMapKeyRef:ConfigMapKeySelector secretKeyRef:SecretKeySelector
core.v1.EphemeralContainer name:s! image:s command:[s]@atomic args:[s]@atomic workingDir:s ports:[ContainerPort]@map(containerPort,protocol)~merge(containerPort) envFrom:[EnvFromSource]@atomic env:[EnvVar]@map(name)~merge(name) resources:ResourceRequirements resizePolicy:[ContainerResizePolicy]@atomic restartPolicy:s volumeMounts:[VolumeMount]@map(mountPath)~merge(mountPath) volumeDevices:[VolumeDevice]@map(devicePath)~merge(devicePath) livenessProbe:Probe readinessProbe:Probe startupProbe:Probe lifecycle:Lifecycle terminationMessagePath:s terminationMessagePolicy:s imagePullPolicy:s securityContext:SecurityContext stdin:b stdinOnce:b tty:b targetContainerName:s
core.v1.EphemeralContainerCommon name:s! image:s command:[s]@atomic args:[s]@atomic workingDir:s ports:[ContainerPort]@map(containerPort,protocol)~merge(containerPort) envFrom:[EnvFromSource]@atomic env:[EnvVar]@map(name)~merge(name) resources:ResourceRequirements resizePolicy:[ContainerResizePolicy]@atomic restartPolicy:s volumeMounts:[VolumeMount]@map(mountPath)~merge(mountPath) volumeDevices:[VolumeDevice]@map(devicePath)~merge(devicePath) livenessProbe:Probe readinessProbe:Probe startupProbe:Probe lifecycle:Lifecycle terminationMessagePath:s terminationMessagePolicy:s imagePullPolicy:s securityContext:SecurityContext stdin:b stdinOnce:b tty:b
core.v1.EphemeralVolumeSource volumeClaimTemplate:PersistentVolumeClaimTemplate
core.v1.Event kind:s apiVersion:s metadata:meta.v1.ObjectMeta! involvedObject:ObjectReference! reason:s message:s source:EventSource firstTimestamp:t lastTimestamp:t count:i type:s eventTime:u series:EventSeries action:s related:ObjectReference reportingComponent:s reportingInstance:s
core.v1.EventSeries count:i lastObservedTime:u
core.v1.EventSource component:s host:s
core.v1.ExecAction command:[s]@atomic
core.v1.FCVolumeSource targetWWNs:[s]@atomic lun:i fsType:s readOnly:b wwids:[s]@atomic
core.v1.FlexPersistentVolumeSource driver:s! fsType:s secretRef:SecretReference readOnly:b options:{s}
core.v1.FlexVolumeSource driver:s! fsType:s secretRef:LocalObjectReference readOnly:b options:{s}
core.v1.FlockerVolumeSource datasetName:s datasetUUID:s
core.v1.GCEPersistentDiskVolumeSource pdName:s! fsType:s partition:i readOnly:b
core.v1.GRPCAction port:i! service:s=""
core.v1.GitRepoVolumeSource repository:s! revision:s directory:s
core.v1.GlusterfsPersistentVolumeSource endpoints:s! path:s! readOnly:b endpointsNamespace:s
core.v1.GlusterfsVolumeSource endpoints:s! path:s! readOnly:b
core.v1.HTTPGetAction path:s port:x! host:s scheme:s httpHeaders:[HTTPHeader]@atomic
core.v1.HTTPHeader name:s! value:s!
core.v1.HostAlias ip:s! hostnames:[s]@atomic
core.v1.HostIP ip:s!
core.v1.HostPathVolumeSource path:s! type:s
core.v1.ISCSIPersistentVolumeSource targetPortal:s! iqn:s! lun:i! iscsiInterface:s="default" fsType:s readOnly:b portals:[s]@atomic chapAuthDiscovery:b chapAuthSession:b secretRef:SecretReference initiatorName:s
core.v1.ISCSIVolumeSource targetPortal:s! iqn:s! lun:i! iscsiInterface:s="default" fsType:s readOnly:b portals:[s]@atomic chapAuthDiscovery:b chapAuthSession:b secretRef:LocalObjectReference initiatorName:s
core.v1.ImageVolumeSource reference:s pullPolicy:s
core.v1.KeyToPath key:s! path:s! mode:i
core.v1.Lifecycle postStart:LifecycleHandler preStop:LifecycleHandler
core.v1.LifecycleHandler exec:ExecAction httpGet:HTTPGetAction tcpSocket:TCPSocketAction sleep:SleepAction
core.v1.LimitRange kind:s apiVersion:s metadata:meta.v1.ObjectMeta spec:LimitRangeSpec
core.v1.LimitRangeItem type:s! max:{q} min:{q} default:{q} defaultRequest:{q} maxLimitRequestRatio:{q}
core.v1.LimitRangeSpec limits:[LimitRangeItem]!@atomic
core.v1.LinuxContainerUser uid:l! gid:l! supplementalGroups:[l]@atomic
core.v1.LoadBalancerIngress ip:s hostname:s ipMode:s ports:[PortStatus]@atomic
core.v1.LoadBalancerStatus ingress:[LoadBalancerIngress]@atomic
core.v1.LocalObjectReference@atomic name:s=""
core.v1.LocalVolumeSource path:s! fsType:s
core.v1.ModifyVolumeStatus targetVolumeAttributesClassName:s status:s!
core.v1.NFSVolumeSource server:s! path:s! readOnly:b
core.v1.Namespace kind:s apiVersion:s metadata:meta.v1.ObjectMeta spec:NamespaceSpec status:NamespaceStatus
core.v1.NamespaceCondition type:s! status:s! lastTransitionTime:t reason:s message:s
core.v1.NamespaceSpec finalizers:[s]@atomic
core.v1.NamespaceStatus phase:s conditions:[NamespaceCondition]@map(type)~merge(type)
core.v1.Node kind:s apiVersion:s metadata:meta.v1.ObjectMeta spec:NodeSpec status:NodeStatus
core.v1.NodeAddress type:s! address:s!
core.v1.NodeAffinity requiredDuringSchedulingIgnoredDuringExecution:NodeSelector preferredDuringSchedulingIgnoredDuringExecution:[PreferredSchedulingTerm]@atomic
core.v1.NodeCondition type:s! status:s! lastHeartbeatTime:t lastTransitionTime:t reason:s message:s
core.v1.NodeConfigSource configMap:ConfigMapNodeConfigSource
core.v1.NodeConfigStatus assigned:NodeConfigSource active:NodeConfigSource lastKnownGood:NodeConfigSource error:s
core.v1.NodeDaemonEndpoints kubeletEndpoint:DaemonEndpoint
core.v1.NodeFeatures supplementalGroupsPolicy:b
core.v1.NodeProxyOptions kind:s apiVersion:s path:s
core.v1.NodeRuntimeHandler name:s features:NodeRuntimeHandlerFeatures
core.v1.NodeRuntimeHandlerFeatures recursiveReadOnlyMounts:b userNamespaces:b
core.v1.NodeSelector@atomic nodeSelectorTerms:[NodeSelectorTerm]!@atomic
core.v1.NodeSelectorRequirement key:s! operator:s! values:[s]@atomic
core.v1.NodeSelectorTerm@atomic matchExpressions:[NodeSelectorRequirement]@atomic matchFields:[NodeSelectorRequirement]@atomic
core.v1.NodeSpec podCIDR:s podCIDRs:[s]@set~merge providerID:s unschedulable:b taints:[Taint]@atomic configSource:NodeConfigSource externalID:s
core.v1.NodeStatus capacity:{q} allocatable:{q} phase:s conditions:[NodeCondition]@map(type)~merge(type) addresses:[NodeAddress]@map(type)~merge(type) daemonEndpoints:NodeDaemonEndpoints nodeInfo:NodeSystemInfo images:[ContainerImage]@atomic volumesInUse:[s]@atomic volumesAttached:[AttachedVolume]@atomic config:NodeConfigStatus runtimeHandlers:[NodeRuntimeHandler]@atomic features:NodeFeatures
core.v1.NodeSystemInfo machineID:s! systemUUID:s! bootID:s! kernelVersion:s! osImage:s! containerRuntimeVersion:s! kubeletVersion:s! kubeProxyVersion:s! operatingSystem:s! architecture:s!
core.v1.ObjectFieldSelector@atomic apiVersion:s fieldPath:s!
core.v1.ObjectReference@atomic kind:s namespace:s name:s uid:s apiVersion:s resourceVersion:s fieldPath:s
core.v1.PersistentVolume kind:s apiVersion:s metadata:meta.v1.ObjectMeta spec:PersistentVolumeSpec status:PersistentVolumeStatus
core.v1.PersistentVolumeClaim kind:s apiVersion:s metadata:meta.v1.ObjectMeta spec:PersistentVolumeClaimSpec status:PersistentVolumeClaimStatus
core.v1.PersistentVolumeClaimCondition type:s! status:s! lastProbeTime:t lastTransitionTime:t reason:s message:s
core.v1.PersistentVolumeClaimSpec accessModes:[s]@atomic selector:meta.v1.LabelSelector resources:VolumeResourceRequirements volumeName:s storageClassName:s volumeMode:s dataSource:TypedLocalObjectReference dataSourceRef:TypedObjectReference volumeAttributesClassName:s
core.v1.PersistentVolumeClaimStatus phase:s accessModes:[s]@atomic capacity:{q} conditions:[PersistentVolumeClaimCondition]@map(type)~merge(type) allocatedResources:{q} allocatedResourceStatuses:{s}@granular currentVolumeAttributesClassName:s modifyVolumeStatus:ModifyVolumeStatus
core.v1.PersistentVolumeClaimTemplate metadata:meta.v1.ObjectMeta spec:PersistentVolumeClaimSpec!
core.v1.PersistentVolumeClaimVolumeSource claimName:s! readOnly:b
core.v1.PersistentVolumeSource gcePersistentDisk:GCEPersistentDiskVolumeSource awsElasticBlockStore:AWSElasticBlockStoreVolumeSource hostPath:HostPathVolumeSource glusterfs:GlusterfsPersistentVolumeSource nfs:NFSVolumeSource rbd:RBDPersistentVolumeSource iscsi:ISCSIPersistentVolumeSource cinder:CinderPersistentVolumeSource cephfs:CephFSPersistentVolumeSource fc:FCVolumeSource flocker:FlockerVolumeSource flexVolume:FlexPersistentVolumeSource azureFile:AzureFilePersistentVolumeSource vsphereVolume:VsphereVirtualDiskVolumeSource quobyte:QuobyteVolumeSource azureDisk:AzureDiskVolumeSource photonPersistentDisk:PhotonPersistentDiskVolumeSource portworxVolume:PortworxVolumeSource scaleIO:ScaleIOPersistentVolumeSource local:LocalVolumeSource storageos:StorageOSPersistentVolumeSource csi:CSIPersistentVolumeSource
core.v1.PersistentVolumeSpec capacity:{q} gcePersistentDisk:GCEPersistentDiskVolumeSource awsElasticBlockStore:AWSElasticBlockStoreVolumeSource hostPath:HostPathVolumeSource glusterfs:GlusterfsPersistentVolumeSource nfs:NFSVolumeSource rbd:RBDPersistentVolumeSource iscsi:ISCSIPersistentVolumeSource cinder:CinderPersistentVolumeSource cephfs:CephFSPersistentVolumeSource fc:FCVolumeSource flocker:FlockerVolumeSource flexVolume:FlexPersistentVolumeSource azureFile:AzureFilePersistentVolumeSource vsphereVolume:VsphereVirtualDiskVolumeSource quobyte:QuobyteVolumeSource azureDisk:AzureDiskVolumeSource photonPersistentDisk:PhotonPersistentDiskVolumeSource portworxVolume:PortworxVolumeSource scaleIO:ScaleIOPersistentVolumeSource local:LocalVolumeSource storageos:StorageOSPersistentVolumeSource csi:CSIPersistentVolumeSource accessModes:[s]@atomic claimRef:ObjectReference@granular persistentVolumeReclaimPolicy:s storageClassName:s mountOptions:[s]@atomic volumeMode:s nodeAffinity:VolumeNodeAffinity volumeAttributesClassName:s
core.v1.PersistentVolumeStatus phase:s message:s reason:s lastPhaseTransitionTime:t
core.v1.PhotonPersistentDiskVolumeSource pdID:s! fsType:s
core.v1.Pod kind:s apiVersion:s metadata:meta.v1.ObjectMeta spec:PodSpec status:PodStatus
core.v1.PodAffinity requiredDuringSchedulingIgnoredDuringExecution:[PodAffinityTerm]@atomic preferredDuringSchedulingIgnoredDuringExecution:[WeightedPodAffinityTerm]@atomic
core.v1.PodAffinityTerm labelSelector:meta.v1.LabelSelector namespaces:[s]@atomic topologyKey:s! namespaceSelector:meta.v1.LabelSelector matchLabelKeys:[s]@atomic mismatchLabelKeys:[s]@atomic
core.v1.PodAntiAffinity requiredDuringSchedulingIgnoredDuringExecution:[PodAffinityTerm]@atomic preferredDuringSchedulingIgnoredDuringExecution:[WeightedPodAffinityTerm]@atomic
core.v1.PodAttachOptions kind:s apiVersion:s stdin:b stdout:b stderr:b tty:b container:s
core.v1.PodCondition type:s! status:s! lastProbeTime:t lastTransitionTime:t reason:s message:s
core.v1.PodDNSConfig nameservers:[s]@atomic searches:[s]@atomic options:[PodDNSConfigOption]@atomic
core.v1.PodDNSConfigOption name:s value:s
core.v1.PodExecOptions kind:s apiVersion:s stdin:b stdout:b stderr:b tty:b container:s command:[s]!@atomic
core.v1.PodIP ip:s!
core.v1.PodLogOptions kind:s apiVersion:s container:s follow:b previous:b sinceSeconds:l sinceTime:t timestamps:b tailLines:l limitBytes:l insecureSkipTLSVerifyBackend:b stream:s
core.v1.PodOS name:s!
core.v1.PodPortForwardOptions kind:s apiVersion:s ports:[i]@atomic
core.v1.PodProxyOptions kind:s apiVersion:s path:s
core.v1.PodReadinessGate conditionType:s!
core.v1.PodResourceClaim name:s! resourceClaimName:s resourceClaimTemplateName:s
core.v1.PodResourceClaimStatus name:s! resourceClaimName:s
core.v1.PodSchedulingGate name:s!
core.v1.PodSecurityContext seLinuxOptions:SELinuxOptions windowsOptions:WindowsSecurityContextOptions runAsUser:l runAsGroup:l runAsNonRoot:b supplementalGroups:[l]@atomic supplementalGroupsPolicy:s fsGroup:l sysctls:[Sysctl]@atomic fsGroupChangePolicy:s seccompProfile:SeccompProfile appArmorProfile:AppArmorProfile seLinuxChangePolicy:s
core.v1.PodSignature podController:meta.v1.OwnerReference
core.v1.PodSpec volumes:[Volume]@map(name)~merge,retainKeys(name) initContainers:[Container]@map(name)~merge(name) containers:[Container]!@map(name)~merge(name) ephemeralContainers:[EphemeralContainer]@map(name)~merge(name) restartPolicy:s terminationGracePeriodSeconds:l activeDeadlineSeconds:l dnsPolicy:s nodeSelector:{s}@atomic serviceAccountName:s serviceAccount:s automountServiceAccountToken:b nodeName:s hostNetwork:b hostPID:b hostIPC:b shareProcessNamespace:b securityContext:PodSecurityContext imagePullSecrets:[LocalObjectReference]@map(name)~merge(name) hostname:s subdomain:s affinity:Affinity schedulerName:s tolerations:[Toleration]@atomic hostAliases:[HostAlias]@map(ip)~merge(ip) priorityClassName:s priority:i dnsConfig:PodDNSConfig readinessGates:[PodReadinessGate]@atomic runtimeClassName:s enableServiceLinks:b preemptionPolicy:s overhead:{q} topologySpreadConstraints:[TopologySpreadConstraint]@map(topologyKey,whenUnsatisfiable)~merge(topologyKey) setHostnameAsFQDN:b os:PodOS hostUsers:b schedulingGates:[PodSchedulingGate]@map(name)~merge(name) resourceClaims:[PodResourceClaim]@map(name)~merge,retainKeys(name) resources:ResourceRequirements
core.v1.PodStatus phase:s conditions:[PodCondition]@map(type)~merge(type) message:s reason:s nominatedNodeName:s hostIP:s hostIPs:[HostIP]@atomic~merge(ip) podIP:s podIPs:[PodIP]@map(ip)~merge(ip) startTime:t initContainerStatuses:[ContainerStatus]@atomic containerStatuses:[ContainerStatus]@atomic qosClass:s ephemeralContainerStatuses:[ContainerStatus]@atomic resize:s resourceClaimStatuses:[PodResourceClaimStatus]@map(name)~merge,retainKeys(name)
core.v1.PodStatusResult kind:s apiVersion:s metadata:meta.v1.ObjectMeta status:PodStatus
core.v1.PodTemplate kind:s apiVersion:s metadata:meta.v1.ObjectMeta template:PodTemplateSpec
core.v1.PodTemplateSpec metadata:meta.v1.ObjectMeta spec:PodSpec
core.v1.PortStatus port:i! protocol:s! error:s
core.v1.PortworxVolumeSource volumeID:s! fsType:s readOnly:b
core.v1.Preconditions uid:s
core.v1.PreferAvoidPodsEntry podSignature:PodSignature! evictionTime:t reason:s message:s
core.v1.PreferredSchedulingTerm weight:i! preference:NodeSelectorTerm!
core.v1.Probe exec:ExecAction httpGet:HTTPGetAction tcpSocket:TCPSocketAction grpc:GRPCAction initialDelaySeconds:i timeoutSeconds:i periodSeconds:i successThreshold:i failureThreshold:i terminationGracePeriodSeconds:l
core.v1.ProbeHandler exec:ExecAction httpGet:HTTPGetAction tcpSocket:TCPSocketAction grpc:GRPCAction
core.v1.ProjectedVolumeSource sources:[VolumeProjection]@atomic defaultMode:i
core.v1.QuobyteVolumeSource registry:s! volume:s! readOnly:b user:s group:s tenant:s
core.v1.RBDPersistentVolumeSource monitors:[s]!@atomic image:s! fsType:s pool:s="rbd" user:s="admin" keyring:s="/etc/ceph/keyring" secretRef:SecretReference readOnly:b
core.v1.RBDVolumeSource monitors:[s]!@atomic image:s! fsType:s pool:s="rbd" user:s="admin" keyring:s="/etc/ceph/keyring" secretRef:LocalObjectReference readOnly:b
core.v1.RangeAllocation kind:s apiVersion:s metadata:meta.v1.ObjectMeta range:s! data:y!
core.v1.ReplicationController kind:s apiVersion:s metadata:meta.v1.ObjectMeta spec:ReplicationControllerSpec status:ReplicationControllerStatus
core.v1.ReplicationControllerCondition type:s! status:s! lastTransitionTime:t reason:s message:s
core.v1.ReplicationControllerSpec replicas:i minReadySeconds:i selector:{s}@atomic template:PodTemplateSpec
core.v1.ReplicationControllerStatus replicas:i! fullyLabeledReplicas:i readyReplicas:i availableReplicas:i observedGeneration:l conditions:[ReplicationControllerCondition]@map(type)~merge(type)
core.v1.ResourceClaim name:s! request:s
core.v1.ResourceFieldSelector@atomic containerName:s resource:s! divisor:q
core.v1.ResourceHealth resourceID:s! health:s
core.v1.ResourceQuota kind:s apiVersion:s metadata:meta.v1.ObjectMeta spec:ResourceQuotaSpec status:ResourceQuotaStatus
core.v1.ResourceQuotaSpec hard:{q} scopes:[s]@atomic scopeSelector:ScopeSelector
core.v1.ResourceQuotaStatus hard:{q} used:{q}
core.v1.ResourceRequirements limits:{q} requests:{q} claims:[ResourceClaim]@map(name)
core.v1.ResourceStatus name:s! resources:[ResourceHealth]@map(resourceID)
core.v1.SELinuxOptions user:s role:s type:s level:s
core.v1.ScaleIOPersistentVolumeSource gateway:s! system:s! secretRef:SecretReference! sslEnabled:b protectionDomain:s storagePool:s storageMode:s="ThinProvisioned" volumeName:s fsType:s="xfs" readOnly:b
core.v1.ScaleIOVolumeSource gateway:s! system:s! secretRef:LocalObjectReference! sslEnabled:b protectionDomain:s storagePool:s storageMode:s="ThinProvisioned" volumeName:s fsType:s="xfs" readOnly:b
core.v1.ScopeSelector@atomic matchExpressions:[ScopedResourceSelectorRequirement]@atomic
core.v1.ScopedResourceSelectorRequirement scopeName:s! operator:s! values:[s]@atomic
core.v1.SeccompProfile type:s! localhostProfile:s
core.v1.Secret kind:s apiVersion:s metadata:meta.v1.ObjectMeta immutable:b data:{y} stringData:{s} type:s
core.v1.SecretEnvSource name:s="" optional:b
core.v1.SecretKeySelector@atomic name:s="" key:s! optional:b
core.v1.SecretProjection name:s="" items:[KeyToPath]@atomic optional:b
core.v1.SecretReference@atomic name:s namespace:s
core.v1.SecretVolumeSource secretName:s items:[KeyToPath]@atomic defaultMode:i optional:b
core.v1.SecurityContext capabilities:Capabilities privileged:b seLinuxOptions:SELinuxOptions windowsOptions:WindowsSecurityContextOptions runAsUser:l runAsGroup:l runAsNonRoot:b readOnlyRootFilesystem:b allowPrivilegeEscalation:b procMount:s seccompProfile:SeccompProfile appArmorProfile:AppArmorProfile
core.v1.SerializedReference kind:s apiVersion:s reference:ObjectReference
core.v1.Service kind:s apiVersion:s metadata:meta.v1.ObjectMeta spec:ServiceSpec status:ServiceStatus
core.v1.ServiceAccount kind:s apiVersion:s metadata:meta.v1.ObjectMeta secrets:[ObjectReference]@map(name)~merge(name) imagePullSecrets:[LocalObjectReference]@atomic automountServiceAccountToken:b
core.v1.ServiceAccountTokenProjection audience:s expirationSeconds:l path:s!
core.v1.ServicePort name:s protocol:s="TCP" appProtocol:s port:i! targetPort:x nodePort:i
core.v1.ServiceProxyOptions kind:s apiVersion:s path:s
core.v1.ServiceSpec ports:[ServicePort]@map(port,protocol)~merge(port) selector:{s}@atomic clusterIP:s clusterIPs:[s]@atomic type:s externalIPs:[s]@atomic sessionAffinity:s loadBalancerIP:s loadBalancerSourceRanges:[s]@atomic externalName:s externalTrafficPolicy:s healthCheckNodePort:i publishNotReadyAddresses:b sessionAffinityConfig:SessionAffinityConfig ipFamilies:[s]@atomic ipFamilyPolicy:s allocateLoadBalancerNodePorts:b loadBalancerClass:s internalTrafficPolicy:s trafficDistribution:s
core.v1.ServiceStatus loadBalancer:LoadBalancerStatus conditions:[meta.v1.Condition]@map(type)~merge(type)
core.v1.SessionAffinityConfig clientIP:ClientIPConfig
core.v1.SleepAction seconds:l!
core.v1.StorageOSPersistentVolumeSource volumeName:s volumeNamespace:s fsType:s readOnly:b secretRef:ObjectReference
core.v1.StorageOSVolumeSource volumeName:s volumeNamespace:s fsType:s readOnly:b secretRef:LocalObjectReference
core.v1.Sysctl name:s! value:s!
core.v1.TCPSocketAction port:x! host:s
core.v1.Taint key:s! value:s effect:s! timeAdded:t
core.v1.Toleration key:s operator:s value:s effect:s tolerationSeconds:l
core.v1.TopologySelectorLabelRequirement key:s! values:[s]!@atomic
core.v1.TopologySelectorTerm@atomic matchLabelExpressions:[TopologySelectorLabelRequirement]@atomic
core.v1.TopologySpreadConstraint maxSkew:i! topologyKey:s! whenUnsatisfiable:s! labelSelector:meta.v1.LabelSelector minDomains:i nodeAffinityPolicy:s nodeTaintsPolicy:s matchLabelKeys:[s]@atomic
core.v1.TypedLocalObjectReference@atomic apiGroup:s kind:s! name:s!
core.v1.TypedObjectReference apiGroup:s kind:s! name:s! namespace:s
core.v1.Volume name:s! hostPath:HostPathVolumeSource emptyDir:EmptyDirVolumeSource gcePersistentDisk:GCEPersistentDiskVolumeSource awsElasticBlockStore:AWSElasticBlockStoreVolumeSource gitRepo:GitRepoVolumeSource secret:SecretVolumeSource nfs:NFSVolumeSource iscsi:ISCSIVolumeSource glusterfs:GlusterfsVolumeSource persistentVolumeClaim:PersistentVolumeClaimVolumeSource rbd:RBDVolumeSource flexVolume:FlexVolumeSource cinder:CinderVolumeSource cephfs:CephFSVolumeSource flocker:FlockerVolumeSource downwardAPI:DownwardAPIVolumeSource fc:FCVolumeSource azureFile:AzureFileVolumeSource configMap:ConfigMapVolumeSource vsphereVolume:VsphereVirtualDiskVolumeSource quobyte:QuobyteVolumeSource azureDisk:AzureDiskVolumeSource photonPersistentDisk:PhotonPersistentDiskVolumeSource projected:ProjectedVolumeSource portworxVolume:PortworxVolumeSource scaleIO:ScaleIOVolumeSource storageos:StorageOSVolumeSource csi:CSIVolumeSource ephemeral:EphemeralVolumeSource image:ImageVolumeSource
core.v1.VolumeDevice name:s! devicePath:s!
core.v1.VolumeMount name:s! readOnly:b recursiveReadOnly:s mountPath:s! subPath:s mountPropagation:s subPathExpr:s
core.v1.VolumeMountStatus name:s! mountPath:s! readOnly:b recursiveReadOnly:s
core.v1.VolumeNodeAffinity required:NodeSelector
core.v1.VolumeProjection secret:SecretProjection downwardAPI:DownwardAPIProjection configMap:ConfigMapProjection serviceAccountToken:ServiceAccountTokenProjection clusterTrustBundle:ClusterTrustBundleProjection
core.v1.VolumeResourceRequirements limits:{q} requests:{q}
core.v1.VolumeSource hostPath:HostPathVolumeSource emptyDir:EmptyDirVolumeSource gcePersistentDisk:GCEPersistentDiskVolumeSource awsElasticBlockStore:AWSElasticBlockStoreVolumeSource gitRepo:GitRepoVolumeSource secret:SecretVolumeSource nfs:NFSVolumeSource iscsi:ISCSIVolumeSource glusterfs:GlusterfsVolumeSource persistentVolumeClaim:PersistentVolumeClaimVolumeSource rbd:RBDVolumeSource flexVolume:FlexVolumeSource cinder:CinderVolumeSource cephfs:CephFSVolumeSource flocker:FlockerVolumeSource downwardAPI:DownwardAPIVolumeSource fc:FCVolumeSource azureFile:AzureFileVolumeSource configMap:ConfigMapVolumeSource vsphereVolume:VsphereVirtualDiskVolumeSource quobyte:QuobyteVolumeSource azureDisk:AzureDiskVolumeSource photonPersistentDisk:PhotonPersistentDiskVolumeSource projected:ProjectedVolumeSource portworxVolume:PortworxVolumeSource scaleIO:ScaleIOVolumeSource storageos:StorageOSVolumeSource csi:CSIVolumeSource ephemeral:EphemeralVolumeSource image:ImageVolumeSource
core.v1.VsphereVirtualDiskVolumeSource volumePath:s! fsType:s storagePolicyName:s storagePolicyID:s
core.v1.WeightedPodAffinityTerm weight:i! podAffinityTerm:PodAffinityTerm!
core.v1.WindowsSecurityContextOptions gmsaCredentialSpecName:s gmsaCredentialSpec:s runAsUserName:s hostProcess:b
`;
