/** Field table of Kubernetes 1.32, in the notation of parse-fields.ts. Made by tools/extract-types.go: do not edit. */
export const ACCESS_FIELDS = `
authentication.v1.BoundObjectReference kind:s apiVersion:s name:s uid:s
authentication.v1.SelfSubjectReview kind:s apiVersion:s metadata:meta.v1.ObjectMeta status:SelfSubjectReviewStatus
authentication.v1.SelfSubjectReviewStatus userInfo:UserInfo
authentication.v1.TokenRequest kind:s apiVersion:s metadata:meta.v1.ObjectMeta spec:TokenRequestSpec! status:TokenRequestStatus
authentication.v1.TokenRequestSpec audiences:[s]!@atomic expirationSeconds:l boundObjectRef:BoundObjectReference
authentication.v1.TokenRequestStatus token:s! expirationTimestamp:t!
authentication.v1.TokenReview kind:s apiVersion:s metadata:meta.v1.ObjectMeta spec:TokenReviewSpec! status:TokenReviewStatus
authentication.v1.TokenReviewSpec token:s audiences:[s]@atomic
authentication.v1.TokenReviewStatus authenticated:b user:UserInfo audiences:[s]@atomic error:s
authentication.v1.UserInfo username:s uid:s groups:[s]@atomic extra:{[s]}
authorization.v1.FieldSelectorAttributes rawSelector:s requirements:[meta.v1.FieldSelectorRequirement]@atomic
authorization.v1.LabelSelectorAttributes rawSelector:s requirements:[meta.v1.LabelSelectorRequirement]@atomic
authorization.v1.LocalSubjectAccessReview kind:s apiVersion:s metadata:meta.v1.ObjectMeta spec:SubjectAccessReviewSpec! status:SubjectAccessReviewStatus
authorization.v1.NonResourceAttributes path:s verb:s
authorization.v1.NonResourceRule verbs:[s]!@atomic nonResourceURLs:[s]@atomic
authorization.v1.ResourceAttributes namespace:s verb:s group:s version:s resource:s subresource:s name:s fieldSelector:FieldSelectorAttributes labelSelector:LabelSelectorAttributes
authorization.v1.ResourceRule verbs:[s]!@atomic apiGroups:[s]@atomic resources:[s]@atomic resourceNames:[s]@atomic
authorization.v1.SelfSubjectAccessReview kind:s apiVersion:s metadata:meta.v1.ObjectMeta spec:SelfSubjectAccessReviewSpec! status:SubjectAccessReviewStatus
authorization.v1.SelfSubjectAccessReviewSpec resourceAttributes:ResourceAttributes nonResourceAttributes:NonResourceAttributes
authorization.v1.SelfSubjectRulesReview kind:s apiVersion:s metadata:meta.v1.ObjectMeta spec:SelfSubjectRulesReviewSpec! status:SubjectRulesReviewStatus
authorization.v1.SelfSubjectRulesReviewSpec namespace:s
authorization.v1.SubjectAccessReview kind:s apiVersion:s metadata:meta.v1.ObjectMeta spec:SubjectAccessReviewSpec! status:SubjectAccessReviewStatus
authorization.v1.SubjectAccessReviewSpec resourceAttributes:ResourceAttributes nonResourceAttributes:NonResourceAttributes user:s groups:[s]@atomic extra:{[s]} uid:s
authorization.v1.SubjectAccessReviewStatus allowed:b! denied:b reason:s evaluationError:s
authorization.v1.SubjectRulesReviewStatus resourceRules:[ResourceRule]!@atomic nonResourceRules:[NonResourceRule]!@atomic incomplete:b! evaluationError:s
certificates.v1.CertificateSigningRequest kind:s apiVersion:s metadata:meta.v1.ObjectMeta spec:CertificateSigningRequestSpec! status:CertificateSigningRequestStatus
certificates.v1.CertificateSigningRequestCondition type:s! status:s! reason:s message:s lastUpdateTime:t lastTransitionTime:t
certificates.v1.CertificateSigningRequestSpec request:y!@atomic signerName:s! expirationSeconds:i usages:[s]@atomic username:s uid:s groups:[s]@atomic extra:{[s]}
certificates.v1.CertificateSigningRequestStatus conditions:[CertificateSigningRequestCondition]@map(type) certificate:y@atomic
rbac.v1.AggregationRule clusterRoleSelectors:[meta.v1.LabelSelector]@atomic
rbac.v1.ClusterRole kind:s apiVersion:s metadata:meta.v1.ObjectMeta rules:[PolicyRule]@atomic aggregationRule:AggregationRule
rbac.v1.ClusterRoleBinding kind:s apiVersion:s metadata:meta.v1.ObjectMeta subjects:[Subject]@atomic roleRef:RoleRef!
rbac.v1.PolicyRule verbs:[s]!@atomic apiGroups:[s]@atomic resources:[s]@atomic resourceNames:[s]@atomic nonResourceURLs:[s]@atomic
rbac.v1.Role kind:s apiVersion:s metadata:meta.v1.ObjectMeta rules:[PolicyRule]@atomic
rbac.v1.RoleBinding kind:s apiVersion:s metadata:meta.v1.ObjectMeta subjects:[Subject]@atomic roleRef:RoleRef!
rbac.v1.RoleRef@atomic apiGroup:s! kind:s! name:s!
rbac.v1.Subject@atomic kind:s! apiGroup:s name:s! namespace:s
`;
