import { childPath } from '../../field-path.js';
import { asString, dig, equalJson, isObject, type JsonObject } from '../../json.js';
import { labelSelectorOf, matchesLabels } from '../../selector/label-selector.js';
import { validatePodSpec } from './pod-validation.js';
import type { Problems } from './problems.js';

/** A LabelSelector as Kubernetes' messages print it. */
function shownSelector(selector: unknown): string {
  const map = isObject(selector) && isObject(selector['matchLabels']) ? selector['matchLabels'] : undefined;
  const labels =
    map === undefined
      ? 'map[string]string(nil)'
      : `map[string]string{${Object.keys(map)
          .sort()
          .map((key) => `${JSON.stringify(key)}:${JSON.stringify(map[key])}`)
          .join(', ')}}`;
  return `v1.LabelSelector{MatchLabels:${labels}, MatchExpressions:[]v1.LabelSelectorRequirement(nil)}`;
}

function selectorProblem(field: string, shown: string, detail: string, problems: Problems): void {
  problems.add({ reason: 'FieldValueInvalid', message: `Invalid value: ${shown}: ${detail}`, field });
}

const AS_LONG_AS_IT_LIVES = ['Always'];

/** Selector, template and their match; common to all that make pods for ever. */
function validateTemplated(object: JsonObject, kind: string, problems: Problems): void {
  const spec = isObject(object['spec']) ? object['spec'] : {};
  const selector = spec['selector'];
  if (!isObject(selector)) problems.required('spec.selector');
  else if (equalJson(selector, {}))
    selectorProblem('spec.selector', shownSelector(selector), `empty selector is invalid for ${kind}`, problems);
  else problems.labelSelector('spec.selector', selector);
  validateTemplate(spec, problems);
  validateMatch(selector, spec, problems);
  const restart = dig(spec, 'template', 'spec', 'restartPolicy');
  if (restart !== 'Always' && restart !== undefined)
    problems.oneOf('spec.template.spec.restartPolicy', restart, AS_LONG_AS_IT_LIVES);
}

function validateTemplate(spec: JsonObject, problems: Problems): void {
  const template = spec['template'];
  if (!isObject(template)) {
    problems.required('spec.template');
    return;
  }
  problems.labels('spec.template.labels', dig(template, 'metadata', 'labels'));
  if (isObject(template['spec'])) validatePodSpec(template['spec'], 'spec.template.spec', problems);
  else problems.required('spec.template.spec.containers');
}

function validateMatch(selector: unknown, spec: JsonObject, problems: Problems): void {
  const read = labelSelectorOf(selector);
  if (!isObject(selector) || equalJson(selector, {}) || !read.ok) return;
  const labels = dig(spec, 'template', 'metadata', 'labels');
  if (!matchesLabels(read.value, labels)) {
    problems.invalid(
      'spec.template.metadata.labels',
      isObject(labels) ? labels : null,
      '`selector` does not match template `labels`',
    );
  }
}

function validateSelectorUpdate(object: JsonObject, old: JsonObject, problems: Problems): void {
  const selector = dig(object, 'spec', 'selector');
  if (!equalJson(selector, dig(old, 'spec', 'selector'))) {
    selectorProblem('spec.selector', shownSelector(selector), 'field is immutable', problems);
  }
}

function intOrPercent(field: string, value: unknown, problems: Problems): void {
  if (typeof value === 'number') problems.nonNegative(field, value);
  else if (typeof value === 'string' && !/^\d+%$/.test(value)) {
    problems.invalid(
      field,
      value,
      `a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%', or '93%', regex used for validation is '[0-9]+%')`,
    );
  }
}

const isZero = (value: unknown): boolean => value === 0 || value === '0%';

export function validateDeployment(object: JsonObject, old: JsonObject | undefined, problems: Problems): void {
  validateTemplated(object, 'deployment', problems);
  const spec = isObject(object['spec']) ? object['spec'] : {};
  for (const key of ['replicas', 'minReadySeconds', 'revisionHistoryLimit', 'progressDeadlineSeconds']) {
    problems.nonNegative(childPath('spec', key), spec[key]);
  }
  problems.oneOf('spec.strategy.type', dig(spec, 'strategy', 'type'), ['Recreate', 'RollingUpdate']);
  const rolling = dig(spec, 'strategy', 'rollingUpdate');
  if (dig(spec, 'strategy', 'type') === 'Recreate' && rolling !== undefined) {
    problems.forbidden('spec.strategy.rollingUpdate', "may not be specified when strategy `type` is 'Recreate'");
  }
  if (isObject(rolling)) {
    intOrPercent('spec.strategy.rollingUpdate.maxUnavailable', rolling['maxUnavailable'], problems);
    intOrPercent('spec.strategy.rollingUpdate.maxSurge', rolling['maxSurge'], problems);
    if (isZero(rolling['maxUnavailable']) && isZero(rolling['maxSurge'])) {
      problems.invalid(
        'spec.strategy.rollingUpdate.maxUnavailable',
        rolling['maxUnavailable'],
        'may not be 0 when `maxSurge` is 0',
      );
    }
  }
  const [deadline, ready] = [spec['progressDeadlineSeconds'], spec['minReadySeconds'] ?? 0];
  if (typeof deadline === 'number' && typeof ready === 'number' && deadline <= ready) {
    problems.invalid('spec.progressDeadlineSeconds', deadline, 'must be greater than minReadySeconds');
  }
  if (old !== undefined) validateSelectorUpdate(object, old, problems);
}

export function validateReplicaSet(object: JsonObject, old: JsonObject | undefined, problems: Problems): void {
  validateTemplated(object, 'replicaset', problems);
  problems.nonNegative('spec.replicas', dig(object, 'spec', 'replicas'));
  if (old !== undefined) validateSelectorUpdate(object, old, problems);
}

export function validateDaemonSet(object: JsonObject, old: JsonObject | undefined, problems: Problems): void {
  validateTemplated(object, 'daemonset', problems);
  problems.oneOf('spec.updateStrategy.type', dig(object, 'spec', 'updateStrategy', 'type'), [
    'RollingUpdate',
    'OnDelete',
  ]);
  const rolling = dig(object, 'spec', 'updateStrategy', 'rollingUpdate');
  if (isObject(rolling)) {
    intOrPercent('spec.updateStrategy.rollingUpdate.maxUnavailable', rolling['maxUnavailable'], problems);
    if (isZero(rolling['maxUnavailable']) && isZero(rolling['maxSurge'])) {
      problems.required('spec.updateStrategy.rollingUpdate.maxUnavailable', 'cannot be 0 when maxSurge is 0');
    }
  }
  if (old !== undefined) validateSelectorUpdate(object, old, problems);
}

const STATEFUL_SET_CHANGEABLE = [
  'replicas',
  'ordinals',
  'template',
  'updateStrategy',
  'persistentVolumeClaimRetentionPolicy',
  'minReadySeconds',
  'revisionHistoryLimit',
];

export function validateStatefulSet(object: JsonObject, old: JsonObject | undefined, problems: Problems): void {
  validateTemplated(object, 'statefulset', problems);
  problems.nonNegative('spec.replicas', dig(object, 'spec', 'replicas'));
  if (old === undefined) return;
  const fixed = (value: unknown) =>
    Object.fromEntries(
      Object.entries(isObject(value) ? value : {}).filter(([key]) => !STATEFUL_SET_CHANGEABLE.includes(key)),
    );
  if (!equalJson(fixed(object['spec']), fixed(old['spec']))) {
    problems.forbidden(
      'spec',
      "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden",
    );
  }
}

export function validateJob(object: JsonObject, old: JsonObject | undefined, problems: Problems): void {
  const spec = isObject(object['spec']) ? object['spec'] : {};
  for (const key of [
    'parallelism',
    'completions',
    'backoffLimit',
    'activeDeadlineSeconds',
    'ttlSecondsAfterFinished',
  ]) {
    problems.nonNegative(childPath('spec', key), spec[key]);
  }
  problems.oneOf('spec.completionMode', spec['completionMode'], ['NonIndexed', 'Indexed']);
  if (spec['completionMode'] === 'Indexed' && spec['completions'] === undefined) {
    problems.required('spec.completions', 'when completion mode is Indexed');
  }
  validateTemplate(spec, problems);
  validateRestart(spec, 'spec.template.spec.restartPolicy', problems);
  if (isObject(spec['selector'])) {
    problems.labelSelector('spec.selector', spec['selector']);
    validateMatch(spec['selector'], spec, problems);
  }
  if (old === undefined) return;
  validateSelectorUpdate(object, old, problems);
  problems.immutable('spec.completionMode', spec['completionMode'], dig(old, 'spec', 'completionMode'));
  if (dig(old, 'spec', 'suspend') !== true)
    problems.immutable('spec.template', spec['template'], dig(old, 'spec', 'template'));
}

/** `Always` is what defaulting puts there, so it is told as missing. */
function validateRestart(spec: JsonObject, field: string, problems: Problems): void {
  const policy = asString(dig(spec, 'template', 'spec', 'restartPolicy'));
  if (policy === 'Always' || policy === '') problems.required(field, 'valid values: "OnFailure", "Never"');
}

export function validateCronJob(object: JsonObject, _old: JsonObject | undefined, problems: Problems): void {
  const spec = isObject(object['spec']) ? object['spec'] : {};
  const schedule = asString(spec['schedule']);
  if (schedule === '') problems.required('spec.schedule');
  else if (!/^@\w+( .+)?$|^\S+(\s+\S+){4}$/.test(schedule)) {
    problems.invalid(
      'spec.schedule',
      schedule,
      `expected exactly 5 fields, found ${schedule.trim().split(/\s+/).length}: [${schedule}]`,
    );
  }
  problems.oneOf('spec.concurrencyPolicy', spec['concurrencyPolicy'], ['Allow', 'Forbid', 'Replace']);
  const template = dig(spec, 'jobTemplate', 'spec', 'template', 'spec');
  if (!isObject(template)) return;
  validatePodSpec(template, 'spec.jobTemplate.spec.template.spec', problems);
  const jobSpec = dig(spec, 'jobTemplate', 'spec');
  if (isObject(jobSpec)) validateRestart(jobSpec, 'spec.jobTemplate.spec.template.spec.restartPolicy', problems);
}
