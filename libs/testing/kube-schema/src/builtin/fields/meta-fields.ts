/** Field table of Kubernetes 1.32, in the notation of parse-fields.ts. Made by tools/extract-types.go: do not edit. */
export const META_FIELDS = `
meta.v1.APIGroup kind:s apiVersion:s name:s! versions:[GroupVersionForDiscovery]!@atomic preferredVersion:GroupVersionForDiscovery serverAddressByClientCIDRs:[ServerAddressByClientCIDR]@atomic
meta.v1.APIResource name:s! singularName:s! namespaced:b! group:s version:s kind:s! verbs:[s]! shortNames:[s]@atomic categories:[s]@atomic storageVersionHash:s
meta.v1.APIVersions kind:s apiVersion:s versions:[s]!@atomic serverAddressByClientCIDRs:[ServerAddressByClientCIDR]!@atomic
meta.v1.ApplyOptions kind:s apiVersion:s dryRun:[s]@atomic force:b! fieldManager:s!
meta.v1.Condition type:s! status:s! observedGeneration:l lastTransitionTime:t! reason:s! message:s!
meta.v1.CreateOptions kind:s apiVersion:s dryRun:[s]@atomic fieldManager:s fieldValidation:s
meta.v1.DeleteOptions kind:s apiVersion:s gracePeriodSeconds:l preconditions:Preconditions orphanDependents:b propagationPolicy:s dryRun:[s]@atomic ignoreStoreReadErrorWithClusterBreakingPotential:b
meta.v1.FieldSelectorRequirement key:s! operator:s! values:[s]@atomic
meta.v1.GetOptions kind:s apiVersion:s resourceVersion:s
meta.v1.GroupVersionForDiscovery groupVersion:s! version:s!
meta.v1.LabelSelector@atomic matchLabels:{s} matchExpressions:[LabelSelectorRequirement]@atomic
meta.v1.LabelSelectorRequirement key:s! operator:s! values:[s]@atomic
meta.v1.ListMeta selfLink:s resourceVersion:s continue:s remainingItemCount:l
meta.v1.ListOptions kind:s apiVersion:s labelSelector:s fieldSelector:s watch:b allowWatchBookmarks:b resourceVersion:s resourceVersionMatch:s timeoutSeconds:l limit:l continue:s sendInitialEvents:b
meta.v1.ManagedFieldsEntry manager:s operation:s apiVersion:s time:t fieldsType:s fieldsV1:o subresource:s
meta.v1.ObjectMeta name:s generateName:s namespace:s selfLink:s uid:s resourceVersion:s generation:l creationTimestamp:t deletionTimestamp:t deletionGracePeriodSeconds:l labels:{s} annotations:{s} ownerReferences:[OwnerReference]@map(uid)~merge(uid) finalizers:[s]@set~merge managedFields:[ManagedFieldsEntry]@atomic
meta.v1.OwnerReference@atomic apiVersion:s! kind:s! name:s! uid:s! controller:b blockOwnerDeletion:b
meta.v1.Patch
meta.v1.PatchOptions kind:s apiVersion:s dryRun:[s]@atomic force:b fieldManager:s fieldValidation:s
meta.v1.Preconditions uid:s resourceVersion:s
meta.v1.RootPaths paths:[s]!@atomic
meta.v1.ServerAddressByClientCIDR clientCIDR:s! serverAddress:s!
meta.v1.Status kind:s apiVersion:s metadata:ListMeta status:s message:s reason:s details:StatusDetails@atomic code:i
meta.v1.StatusCause reason:s message:s field:s
meta.v1.StatusDetails name:s group:s kind:s uid:s causes:[StatusCause]@atomic retryAfterSeconds:i
meta.v1.UpdateOptions kind:s apiVersion:s dryRun:[s]@atomic fieldManager:s fieldValidation:s
`;
