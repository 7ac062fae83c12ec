import type { MeshModel } from '@weft/mesh-model';
import type { Logger, Readiness, Service } from '@weft/runtime';
import type { KubeFeed } from '../kube/kube-feed.js';
import type { PushSchedule } from './push-schedule.js';

export interface FirstStateOptions {
  readonly feed: Pick<KubeFeed, 'kinds' | 'synced'>;
  readonly model: MeshModel;
  readonly pushes: PushSchedule;
  readonly readiness: Readiness;
  readonly log: Logger;
}

/** The task of readiness that ends with it. */
export const KUBERNETES_SYNCED = 'kubernetes synced';

/** Waits until every kind was listed once: before that nothing may be served, for a policy could be missing. */
export class FirstState implements Service {
  readonly name = 'first state of the mesh';
  #known = false;

  constructor(private readonly options: FirstStateOptions) {}

  get known(): boolean {
    return this.#known;
  }

  start(): Promise<void> {
    const { feed, readiness } = this.options;
    for (const { plural, synced } of feed.kinds) {
      readiness.pend(`${plural} listed`);
      void synced.then(() => readiness.done(`${plural} listed`));
    }
    void feed.synced.then(() => this.#reached());
    return Promise.resolve();
  }

  stop(): Promise<void> {
    this.options.pushes.stop();
    return Promise.resolve();
  }

  #reached(): void {
    const { model, pushes, readiness, log } = this.options;
    pushes.begin();
    this.#known = true;
    readiness.done(KUBERNETES_SYNCED);
    log.info(
      { workloads: model.workloads.size, services: model.services.size, policies: model.authorizations.size },
      'the mesh is known',
    );
  }
}
