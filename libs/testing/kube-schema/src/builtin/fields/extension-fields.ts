/** Field table of Kubernetes 1.32, in the notation of parse-fields.ts. Made by tools/extract-types.go: do not edit. */
export const EXTENSION_FIELDS = `
admissionregistration.v1.AuditAnnotation key:s! valueExpression:s!
admissionregistration.v1.ExpressionWarning fieldRef:s! warning:s!
admissionregistration.v1.MatchCondition name:s! expression:s!
admissionregistration.v1.MatchResources@atomic namespaceSelector:meta.v1.LabelSelector objectSelector:meta.v1.LabelSelector resourceRules:[NamedRuleWithOperations]@atomic excludeResourceRules:[NamedRuleWithOperations]@atomic matchPolicy:s
admissionregistration.v1.MutatingWebhook name:s! clientConfig:WebhookClientConfig! rules:[RuleWithOperations]@atomic failurePolicy:s matchPolicy:s namespaceSelector:meta.v1.LabelSelector objectSelector:meta.v1.LabelSelector sideEffects:s! timeoutSeconds:i admissionReviewVersions:[s]!@atomic reinvocationPolicy:s matchConditions:[MatchCondition]@map(name)~merge(name)
admissionregistration.v1.MutatingWebhookConfiguration kind:s apiVersion:s metadata:meta.v1.ObjectMeta webhooks:[MutatingWebhook]@map(name)~merge(name)
admissionregistration.v1.NamedRuleWithOperations@atomic resourceNames:[s]@atomic operations:[s]@atomic apiGroups:[s]@atomic apiVersions:[s]@atomic resources:[s]@atomic scope:s
admissionregistration.v1.ParamKind@atomic apiVersion:s kind:s
admissionregistration.v1.ParamRef@atomic name:s namespace:s selector:meta.v1.LabelSelector parameterNotFoundAction:s
admissionregistration.v1.Rule apiGroups:[s]@atomic apiVersions:[s]@atomic resources:[s]@atomic scope:s
admissionregistration.v1.RuleWithOperations operations:[s]@atomic apiGroups:[s]@atomic apiVersions:[s]@atomic resources:[s]@atomic scope:s
admissionregistration.v1.ServiceReference namespace:s! name:s! path:s port:i
admissionregistration.v1.TypeChecking expressionWarnings:[ExpressionWarning]@atomic
admissionregistration.v1.ValidatingAdmissionPolicy kind:s apiVersion:s metadata:meta.v1.ObjectMeta spec:ValidatingAdmissionPolicySpec status:ValidatingAdmissionPolicyStatus
admissionregistration.v1.ValidatingAdmissionPolicyBinding kind:s apiVersion:s metadata:meta.v1.ObjectMeta spec:ValidatingAdmissionPolicyBindingSpec
admissionregistration.v1.ValidatingAdmissionPolicyBindingSpec policyName:s paramRef:ParamRef matchResources:MatchResources validationActions:[s]@set
admissionregistration.v1.ValidatingAdmissionPolicySpec paramKind:ParamKind matchConstraints:MatchResources validations:[Validation]@atomic failurePolicy:s auditAnnotations:[AuditAnnotation]@atomic matchConditions:[MatchCondition]@map(name)~merge(name) variables:[Variable]@map(name)~merge(name)
admissionregistration.v1.ValidatingAdmissionPolicyStatus observedGeneration:l typeChecking:TypeChecking conditions:[meta.v1.Condition]@map(type)
admissionregistration.v1.ValidatingWebhook name:s! clientConfig:WebhookClientConfig! rules:[RuleWithOperations]@atomic failurePolicy:s matchPolicy:s namespaceSelector:meta.v1.LabelSelector objectSelector:meta.v1.LabelSelector sideEffects:s! timeoutSeconds:i admissionReviewVersions:[s]!@atomic matchConditions:[MatchCondition]@map(name)~merge(name)
admissionregistration.v1.ValidatingWebhookConfiguration kind:s apiVersion:s metadata:meta.v1.ObjectMeta webhooks:[ValidatingWebhook]@map(name)~merge(name)
admissionregistration.v1.Validation expression:s! message:s reason:s messageExpression:s
admissionregistration.v1.Variable@atomic name:s! expression:s!
admissionregistration.v1.WebhookClientConfig url:s service:ServiceReference caBundle:y
apiextensions.v1.ConversionRequest uid:s! desiredAPIVersion:s! objects:[o]!@atomic
apiextensions.v1.ConversionResponse uid:s! convertedObjects:[o]!@atomic result:meta.v1.Status!
apiextensions.v1.ConversionReview kind:s apiVersion:s request:ConversionRequest response:ConversionResponse
apiextensions.v1.CustomResourceColumnDefinition name:s! type:s! format:s description:s priority:i jsonPath:s!
apiextensions.v1.CustomResourceConversion strategy:s! webhook:WebhookConversion
apiextensions.v1.CustomResourceDefinition kind:s apiVersion:s metadata:meta.v1.ObjectMeta spec:CustomResourceDefinitionSpec! status:CustomResourceDefinitionStatus
apiextensions.v1.CustomResourceDefinitionCondition type:s! status:s! lastTransitionTime:t reason:s message:s
apiextensions.v1.CustomResourceDefinitionNames plural:s! singular:s shortNames:[s]@atomic kind:s! listKind:s categories:[s]@atomic
apiextensions.v1.CustomResourceDefinitionSpec group:s! names:CustomResourceDefinitionNames! scope:s! versions:[CustomResourceDefinitionVersion]!@atomic conversion:CustomResourceConversion preserveUnknownFields:b
apiextensions.v1.CustomResourceDefinitionStatus conditions:[CustomResourceDefinitionCondition]@map(type) acceptedNames:CustomResourceDefinitionNames storedVersions:[s]@atomic
apiextensions.v1.CustomResourceDefinitionVersion name:s! served:b! storage:b! deprecated:b deprecationWarning:s schema:CustomResourceValidation subresources:CustomResourceSubresources additionalPrinterColumns:[CustomResourceColumnDefinition]@atomic selectableFields:[SelectableField]@atomic
apiextensions.v1.CustomResourceSubresourceScale specReplicasPath:s! statusReplicasPath:s! labelSelectorPath:s
apiextensions.v1.CustomResourceSubresourceStatus
apiextensions.v1.CustomResourceSubresources status:CustomResourceSubresourceStatus scale:CustomResourceSubresourceScale
apiextensions.v1.CustomResourceValidation openAPIV3Schema:JSONSchemaProps
apiextensions.v1.ExternalDocumentation description:s url:s
apiextensions.v1.JSONSchemaProps id:s $schema:s $ref:s description:s type:s format:s title:s default:a maximum:n exclusiveMaximum:b minimum:n exclusiveMinimum:b maxLength:l minLength:l pattern:s maxItems:l minItems:l uniqueItems:b multipleOf:n enum:[a]@atomic maxProperties:l minProperties:l required:[s]@atomic items:a allOf:[JSONSchemaProps]@atomic oneOf:[JSONSchemaProps]@atomic anyOf:[JSONSchemaProps]@atomic not:JSONSchemaProps properties:{JSONSchemaProps} additionalProperties:a patternProperties:{JSONSchemaProps} dependencies:{a} additionalItems:a definitions:{JSONSchemaProps} externalDocs:ExternalDocumentation example:a nullable:b x-kubernetes-preserve-unknown-fields:b x-kubernetes-embedded-resource:b x-kubernetes-int-or-string:b x-kubernetes-list-map-keys:[s]@atomic x-kubernetes-list-type:s x-kubernetes-map-type:s x-kubernetes-validations:[ValidationRule]@map(rule)~merge(rule)
apiextensions.v1.SelectableField jsonPath:s!
apiextensions.v1.ServiceReference namespace:s! name:s! path:s port:i
apiextensions.v1.ValidationRule rule:s! message:s messageExpression:s reason:s fieldPath:s optionalOldSelf:b
apiextensions.v1.WebhookClientConfig url:s service:ServiceReference caBundle:y
apiextensions.v1.WebhookConversion clientConfig:WebhookClientConfig conversionReviewVersions:[s]!@atomic
`;
