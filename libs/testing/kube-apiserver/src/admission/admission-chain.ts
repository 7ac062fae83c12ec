import type { KubeObject } from '../kube-object.js';
import type { Admission, AdmissionRequest } from '../objects/write-context.js';

/** One step of admission; either half may be absent. */
export interface AdmissionStep {
  mutate?(request: AdmissionRequest): Promise<KubeObject | null> | KubeObject | null;
  validate?(request: AdmissionRequest): Promise<void> | void;
}

/** Runs the steps one after the other; each sees what the one before it made of the object. */
export class AdmissionChain implements Admission {
  constructor(private readonly steps: readonly AdmissionStep[]) {}

  async mutate(request: AdmissionRequest): Promise<KubeObject | null> {
    let { object } = request;
    for (const step of this.steps) if (step.mutate !== undefined) object = await step.mutate({ ...request, object });
    return object;
  }

  async validate(request: AdmissionRequest): Promise<void> {
    for (const step of this.steps) await step.validate?.(request);
  }
}
