/** One long-running part of a process. `start` resolves when it serves; `stop` drains, and must settle once `hard` aborts. */
export interface Service {
  readonly name: string;
  start(): Promise<void>;
  stop(hard: AbortSignal): Promise<void>;
}

/**
 * Starts in order and returns what stops in reverse. If one start fails, those already started are stopped and the error
 * is rethrown. A stop that throws does not keep the others from stopping; the first error is rethrown at the end.
 */
export async function startAll(services: readonly Service[], drainMs: number): Promise<() => Promise<void>> {
  const started: Service[] = [];
  const stopAll = async (): Promise<void> => {
    const hard = AbortSignal.timeout(drainMs);
    const failures: unknown[] = [];
    for (const service of started.splice(0).reverse()) {
      await service.stop(hard).catch((failure: unknown) => failures.push(failure));
    }
    if (failures.length > 0) throw failures[0];
  };
  try {
    for (const service of services) {
      await service.start();
      started.push(service);
    }
  } catch (cause) {
    await stopAll().catch(() => undefined);
    throw cause;
  }
  return stopAll;
}
