/** Field table of Kubernetes 1.32, in the notation of parse-fields.ts. Made by tools/extract-types.go: do not edit. */
export const WORKLOADS_FIELDS = `
apps.v1.ControllerRevision kind:s apiVersion:s metadata:meta.v1.ObjectMeta data:o revision:l!
apps.v1.DaemonSet kind:s apiVersion:s metadata:meta.v1.ObjectMeta spec:DaemonSetSpec status:DaemonSetStatus
apps.v1.DaemonSetCondition type:s! status:s! lastTransitionTime:t reason:s message:s
apps.v1.DaemonSetSpec selector:meta.v1.LabelSelector! template:core.v1.PodTemplateSpec! updateStrategy:DaemonSetUpdateStrategy minReadySeconds:i revisionHistoryLimit:i
apps.v1.DaemonSetStatus currentNumberScheduled:i! numberMisscheduled:i! desiredNumberScheduled:i! numberReady:i! observedGeneration:l updatedNumberScheduled:i numberAvailable:i numberUnavailable:i collisionCount:i conditions:[DaemonSetCondition]@map(type)~merge(type)
apps.v1.DaemonSetUpdateStrategy type:s rollingUpdate:RollingUpdateDaemonSet
apps.v1.Deployment kind:s apiVersion:s metadata:meta.v1.ObjectMeta spec:DeploymentSpec status:DeploymentStatus
apps.v1.DeploymentCondition type:s! status:s! lastUpdateTime:t lastTransitionTime:t reason:s message:s
apps.v1.DeploymentSpec replicas:i selector:meta.v1.LabelSelector! template:core.v1.PodTemplateSpec! strategy:DeploymentStrategy~retainKeys minReadySeconds:i revisionHistoryLimit:i paused:b progressDeadlineSeconds:i
apps.v1.DeploymentStatus observedGeneration:l replicas:i updatedReplicas:i readyReplicas:i availableReplicas:i unavailableReplicas:i conditions:[DeploymentCondition]@map(type)~merge(type) collisionCount:i
apps.v1.DeploymentStrategy type:s rollingUpdate:RollingUpdateDeployment
apps.v1.ReplicaSet kind:s apiVersion:s metadata:meta.v1.ObjectMeta spec:ReplicaSetSpec status:ReplicaSetStatus
apps.v1.ReplicaSetCondition type:s! status:s! lastTransitionTime:t reason:s message:s
apps.v1.ReplicaSetSpec replicas:i minReadySeconds:i selector:meta.v1.LabelSelector! template:core.v1.PodTemplateSpec
apps.v1.ReplicaSetStatus replicas:i! fullyLabeledReplicas:i readyReplicas:i availableReplicas:i observedGeneration:l conditions:[ReplicaSetCondition]@map(type)~merge(type)
apps.v1.RollingUpdateDaemonSet maxUnavailable:x maxSurge:x
apps.v1.RollingUpdateDeployment maxUnavailable:x maxSurge:x
apps.v1.RollingUpdateStatefulSetStrategy partition:i maxUnavailable:x
apps.v1.StatefulSet kind:s apiVersion:s metadata:meta.v1.ObjectMeta spec:StatefulSetSpec status:StatefulSetStatus
apps.v1.StatefulSetCondition type:s! status:s! lastTransitionTime:t reason:s message:s
apps.v1.StatefulSetOrdinals start:i
apps.v1.StatefulSetPersistentVolumeClaimRetentionPolicy whenDeleted:s whenScaled:s
apps.v1.StatefulSetSpec replicas:i selector:meta.v1.LabelSelector! template:core.v1.PodTemplateSpec! volumeClaimTemplates:[core.v1.PersistentVolumeClaim]@atomic serviceName:s! podManagementPolicy:s updateStrategy:StatefulSetUpdateStrategy revisionHistoryLimit:i minReadySeconds:i persistentVolumeClaimRetentionPolicy:StatefulSetPersistentVolumeClaimRetentionPolicy ordinals:StatefulSetOrdinals
apps.v1.StatefulSetStatus observedGeneration:l replicas:i! readyReplicas:i currentReplicas:i updatedReplicas:i currentRevision:s updateRevision:s collisionCount:i conditions:[StatefulSetCondition]@map(type)~merge(type) availableReplicas:i
apps.v1.StatefulSetUpdateStrategy type:s rollingUpdate:RollingUpdateStatefulSetStrategy
autoscaling.v1.ContainerResourceMetricSource name:s! targetAverageUtilization:i targetAverageValue:q container:s!
autoscaling.v1.ContainerResourceMetricStatus name:s! currentAverageUtilization:i currentAverageValue:q! container:s!
autoscaling.v1.CrossVersionObjectReference@atomic kind:s! name:s! apiVersion:s
autoscaling.v1.ExternalMetricSource metricName:s! metricSelector:meta.v1.LabelSelector targetValue:q targetAverageValue:q
autoscaling.v1.ExternalMetricStatus metricName:s! metricSelector:meta.v1.LabelSelector currentValue:q! currentAverageValue:q
autoscaling.v1.HorizontalPodAutoscaler kind:s apiVersion:s metadata:meta.v1.ObjectMeta spec:HorizontalPodAutoscalerSpec status:HorizontalPodAutoscalerStatus
autoscaling.v1.HorizontalPodAutoscalerCondition type:s! status:s! lastTransitionTime:t reason:s message:s
autoscaling.v1.HorizontalPodAutoscalerSpec scaleTargetRef:CrossVersionObjectReference! minReplicas:i maxReplicas:i! targetCPUUtilizationPercentage:i
autoscaling.v1.HorizontalPodAutoscalerStatus observedGeneration:l lastScaleTime:t currentReplicas:i! desiredReplicas:i! currentCPUUtilizationPercentage:i
autoscaling.v1.MetricSpec type:s! object:ObjectMetricSource pods:PodsMetricSource resource:ResourceMetricSource containerResource:ContainerResourceMetricSource external:ExternalMetricSource
autoscaling.v1.MetricStatus type:s! object:ObjectMetricStatus pods:PodsMetricStatus resource:ResourceMetricStatus containerResource:ContainerResourceMetricStatus external:ExternalMetricStatus
autoscaling.v1.ObjectMetricSource target:CrossVersionObjectReference! metricName:s! targetValue:q! selector:meta.v1.LabelSelector averageValue:q
autoscaling.v1.ObjectMetricStatus target:CrossVersionObjectReference! metricName:s! currentValue:q! selector:meta.v1.LabelSelector averageValue:q
autoscaling.v1.PodsMetricSource metricName:s! targetAverageValue:q! selector:meta.v1.LabelSelector
autoscaling.v1.PodsMetricStatus metricName:s! currentAverageValue:q! selector:meta.v1.LabelSelector
autoscaling.v1.ResourceMetricSource name:s! targetAverageUtilization:i targetAverageValue:q
autoscaling.v1.ResourceMetricStatus name:s! currentAverageUtilization:i currentAverageValue:q!
autoscaling.v1.Scale kind:s apiVersion:s metadata:meta.v1.ObjectMeta spec:ScaleSpec status:ScaleStatus
autoscaling.v1.ScaleSpec replicas:i
autoscaling.v1.ScaleStatus replicas:i! selector:s
autoscaling.v2.ContainerResourceMetricSource name:s! target:MetricTarget! container:s!
autoscaling.v2.ContainerResourceMetricStatus name:s! current:MetricValueStatus! container:s!
autoscaling.v2.CrossVersionObjectReference kind:s! name:s! apiVersion:s
autoscaling.v2.ExternalMetricSource metric:MetricIdentifier! target:MetricTarget!
autoscaling.v2.ExternalMetricStatus metric:MetricIdentifier! current:MetricValueStatus!
autoscaling.v2.HPAScalingPolicy type:s! value:i! periodSeconds:i!
autoscaling.v2.HPAScalingRules stabilizationWindowSeconds:i selectPolicy:s policies:[HPAScalingPolicy]@atomic
autoscaling.v2.HorizontalPodAutoscaler kind:s apiVersion:s metadata:meta.v1.ObjectMeta spec:HorizontalPodAutoscalerSpec status:HorizontalPodAutoscalerStatus
autoscaling.v2.HorizontalPodAutoscalerBehavior scaleUp:HPAScalingRules scaleDown:HPAScalingRules
autoscaling.v2.HorizontalPodAutoscalerCondition type:s! status:s! lastTransitionTime:t reason:s message:s
autoscaling.v2.HorizontalPodAutoscalerSpec scaleTargetRef:CrossVersionObjectReference! minReplicas:i maxReplicas:i! metrics:[MetricSpec]@atomic behavior:HorizontalPodAutoscalerBehavior
autoscaling.v2.HorizontalPodAutoscalerStatus observedGeneration:l lastScaleTime:t currentReplicas:i desiredReplicas:i! currentMetrics:[MetricStatus]@atomic conditions:[HorizontalPodAutoscalerCondition]@map(type)~merge(type)
autoscaling.v2.MetricIdentifier name:s! selector:meta.v1.LabelSelector
autoscaling.v2.MetricSpec type:s! object:ObjectMetricSource pods:PodsMetricSource resource:ResourceMetricSource containerResource:ContainerResourceMetricSource external:ExternalMetricSource
autoscaling.v2.MetricStatus type:s! object:ObjectMetricStatus pods:PodsMetricStatus resource:ResourceMetricStatus containerResource:ContainerResourceMetricStatus external:ExternalMetricStatus
autoscaling.v2.MetricTarget type:s! value:q averageValue:q averageUtilization:i
autoscaling.v2.MetricValueStatus value:q averageValue:q averageUtilization:i
autoscaling.v2.ObjectMetricSource describedObject:CrossVersionObjectReference! target:MetricTarget! metric:MetricIdentifier!
autoscaling.v2.ObjectMetricStatus metric:MetricIdentifier! current:MetricValueStatus! describedObject:CrossVersionObjectReference!
autoscaling.v2.PodsMetricSource metric:MetricIdentifier! target:MetricTarget!
autoscaling.v2.PodsMetricStatus metric:MetricIdentifier! current:MetricValueStatus!
autoscaling.v2.ResourceMetricSource name:s! target:MetricTarget!
autoscaling.v2.ResourceMetricStatus name:s! current:MetricValueStatus!
batch.v1.CronJob kind:s apiVersion:s metadata:meta.v1.ObjectMeta spec:CronJobSpec status:CronJobStatus
batch.v1.CronJobSpec schedule:s! timeZone:s startingDeadlineSeconds:l concurrencyPolicy:s suspend:b jobTemplate:JobTemplateSpec! successfulJobsHistoryLimit:i failedJobsHistoryLimit:i
batch.v1.CronJobStatus active:[core.v1.ObjectReference]@atomic lastScheduleTime:t lastSuccessfulTime:t
batch.v1.Job kind:s apiVersion:s metadata:meta.v1.ObjectMeta spec:JobSpec status:JobStatus
batch.v1.JobCondition type:s! status:s! lastProbeTime:t lastTransitionTime:t reason:s message:s
batch.v1.JobSpec parallelism:i completions:i activeDeadlineSeconds:l podFailurePolicy:PodFailurePolicy successPolicy:SuccessPolicy backoffLimit:i backoffLimitPerIndex:i maxFailedIndexes:i selector:meta.v1.LabelSelector manualSelector:b template:core.v1.PodTemplateSpec! ttlSecondsAfterFinished:i completionMode:s suspend:b podReplacementPolicy:s managedBy:s
batch.v1.JobStatus conditions:[JobCondition]@atomic~merge(type) startTime:t completionTime:t active:i succeeded:i failed:i terminating:i completedIndexes:s failedIndexes:s uncountedTerminatedPods:UncountedTerminatedPods ready:i
batch.v1.JobTemplateSpec metadata:meta.v1.ObjectMeta spec:JobSpec
batch.v1.PodFailurePolicy rules:[PodFailurePolicyRule]!@atomic
batch.v1.PodFailurePolicyOnExitCodesRequirement containerName:s operator:s! values:[i]!@set
batch.v1.PodFailurePolicyOnPodConditionsPattern type:s! status:s!
batch.v1.PodFailurePolicyRule action:s! onExitCodes:PodFailurePolicyOnExitCodesRequirement onPodConditions:[PodFailurePolicyOnPodConditionsPattern]@atomic
batch.v1.SuccessPolicy rules:[SuccessPolicyRule]!@atomic
batch.v1.SuccessPolicyRule succeededIndexes:s succeededCount:i
batch.v1.UncountedTerminatedPods succeeded:[s]@set failed:[s]@set
policy.v1.Eviction kind:s apiVersion:s metadata:meta.v1.ObjectMeta deleteOptions:meta.v1.DeleteOptions
policy.v1.PodDisruptionBudget kind:s apiVersion:s metadata:meta.v1.ObjectMeta spec:PodDisruptionBudgetSpec status:PodDisruptionBudgetStatus
policy.v1.PodDisruptionBudgetSpec minAvailable:x selector:meta.v1.LabelSelector~replace maxUnavailable:x unhealthyPodEvictionPolicy:s
policy.v1.PodDisruptionBudgetStatus observedGeneration:l disruptedPods:{t} disruptionsAllowed:i! currentHealthy:i! desiredHealthy:i! expectedPods:i! conditions:[meta.v1.Condition]@map(type)~merge(type)
scheduling.v1.PriorityClass kind:s apiVersion:s metadata:meta.v1.ObjectMeta value:i! globalDefault:b description:s preemptionPolicy:s
`;
