/** Field table of Kubernetes 1.32, in the notation of parse-fields.ts. Made by tools/extract-types.go: do not edit. */
export const COORDINATION_FIELDS = `
coordination.v1.Lease kind:s apiVersion:s metadata:meta.v1.ObjectMeta spec:LeaseSpec
coordination.v1.LeaseSpec holderIdentity:s leaseDurationSeconds:i acquireTime:u renewTime:u leaseTransitions:i strategy:s preferredHolder:s
events.v1.Event kind:s apiVersion:s metadata:meta.v1.ObjectMeta eventTime:u! series:EventSeries reportingController:s reportingInstance:s action:s reason:s regarding:core.v1.ObjectReference related:core.v1.ObjectReference note:s type:s deprecatedSource:core.v1.EventSource deprecatedFirstTimestamp:t deprecatedLastTimestamp:t deprecatedCount:i
events.v1.EventSeries count:i! lastObservedTime:u!
storage.v1.CSIDriver kind:s apiVersion:s metadata:meta.v1.ObjectMeta spec:CSIDriverSpec!
storage.v1.CSIDriverSpec attachRequired:b podInfoOnMount:b volumeLifecycleModes:[s]@set storageCapacity:b fsGroupPolicy:s tokenRequests:[TokenRequest]@atomic requiresRepublish:b seLinuxMount:b
storage.v1.CSINode kind:s apiVersion:s metadata:meta.v1.ObjectMeta spec:CSINodeSpec!
storage.v1.CSINodeDriver name:s! nodeID:s! topologyKeys:[s]@atomic allocatable:VolumeNodeResources
storage.v1.CSINodeSpec drivers:[CSINodeDriver]!@map(name)~merge(name)
storage.v1.CSIStorageCapacity kind:s apiVersion:s metadata:meta.v1.ObjectMeta nodeTopology:meta.v1.LabelSelector storageClassName:s! capacity:q maximumVolumeSize:q
storage.v1.StorageClass kind:s apiVersion:s metadata:meta.v1.ObjectMeta provisioner:s! parameters:{s} reclaimPolicy:s mountOptions:[s]@atomic allowVolumeExpansion:b volumeBindingMode:s allowedTopologies:[core.v1.TopologySelectorTerm]@atomic
storage.v1.TokenRequest audience:s! expirationSeconds:l
storage.v1.VolumeAttachment kind:s apiVersion:s metadata:meta.v1.ObjectMeta spec:VolumeAttachmentSpec! status:VolumeAttachmentStatus
storage.v1.VolumeAttachmentSource persistentVolumeName:s inlineVolumeSpec:core.v1.PersistentVolumeSpec
storage.v1.VolumeAttachmentSpec attacher:s! source:VolumeAttachmentSource! nodeName:s!
storage.v1.VolumeAttachmentStatus attached:b! attachmentMetadata:{s} attachError:VolumeError detachError:VolumeError
storage.v1.VolumeError time:t message:s
storage.v1.VolumeNodeResources count:i
`;
