import type { CollectionEvent, Equality } from './collection.js';
import { CollectionNode, type Consumer, type Scheduler } from './collection-node.js';
import type { Dependent } from './dependency-table.js';
import { type Dependency, type FetchContext, RecordingContext } from './fetch-context.js';

export type Transformation<I, O> = (
  input: I,
  fetch: FetchContext,
  key: string,
) => Iterable<readonly [key: string, value: O]>;

interface Candidate<O> {
  readonly inputKey: string;
  readonly value: O;
}

/** What one input gave and what it read for it. */
class Computation implements Dependent {
  outputs = new Set<string>();
  dependencies: readonly Dependency[] = [];

  constructor(private readonly onInvalid: () => void) {}

  invalidate(): void {
    this.onInvalid();
  }

  depend(dependencies: readonly Dependency[]): void {
    // Most runs fetch what the last one did.
    if (sameDependencies(this.dependencies, dependencies)) return;
    for (const [table, key] of this.dependencies) table.remove(key, this);
    for (const [table, key] of dependencies) table.add(key, this);
    this.dependencies = dependencies;
  }
}

/**
 * Each input gives zero or more outputs. Recomputed per input: when the input changed, or when something the input's last
 * run fetched did. Two inputs that give one key: the smaller input key wins, and the other takes over when it goes.
 * A transformation that throws is reported; the input keeps its last good outputs.
 */
export class DerivedCollection<I, O> extends CollectionNode<O> implements Consumer<I> {
  readonly #computations = new Map<string, Computation>();
  readonly #candidates = new Map<string, readonly Candidate<O>[]>();
  #dirtyInputs = new Set<string>();

  constructor(
    scheduler: Scheduler,
    name: string,
    equals: Equality<O>,
    private readonly input: CollectionNode<I>,
    private readonly transformation: Transformation<I, O>,
  ) {
    super(scheduler, name, equals);
    input.attach(this);
  }

  accept(events: readonly CollectionEvent<I>[]): void {
    for (const { key } of events) this.#invalidate(key);
  }

  override settle(): void {
    const dirty = this.#dirtyInputs;
    this.#dirtyInputs = new Set();
    const touched = new Set<string>();
    for (const inputKey of dirty) this.#recompute(inputKey, touched);
    this.commit([...touched].map((key) => [key, this.#candidates.get(key)?.[0]?.value] as const));
  }

  #invalidate(inputKey: string): void {
    this.#dirtyInputs.add(inputKey);
    this.markDirty();
  }

  #recompute(inputKey: string, touched: Set<string>): void {
    const input = this.input.get(inputKey);
    const computation = this.#computations.get(inputKey) ?? new Computation(() => this.#invalidate(inputKey));
    if (input === undefined) {
      computation.depend([]);
      this.#computations.delete(inputKey);
      this.#replaceOutputs(inputKey, computation, new Map(), touched);
      return;
    }
    this.#computations.set(inputKey, computation);
    const context = new RecordingContext(this.name, this.order);
    let outputs: Map<string, O> | undefined;
    try {
      outputs = new Map(this.transformation(input, context, inputKey));
    } catch (thrown) {
      this.scheduler.report(this.name, inputKey, thrown);
    }
    computation.depend(context.dependencies);
    if (outputs !== undefined) this.#replaceOutputs(inputKey, computation, outputs, touched);
  }

  #replaceOutputs(inputKey: string, computation: Computation, outputs: Map<string, O>, touched: Set<string>): void {
    for (const key of computation.outputs) if (!outputs.has(key)) this.#setCandidate(key, inputKey, undefined, touched);
    for (const [key, value] of outputs) this.#setCandidate(key, inputKey, value, touched);
    computation.outputs = new Set(outputs.keys());
  }

  #setCandidate(key: string, inputKey: string, value: O | undefined, touched: Set<string>): void {
    touched.add(key);
    const others = (this.#candidates.get(key) ?? []).filter((candidate) => candidate.inputKey !== inputKey);
    if (value !== undefined) others.push({ inputKey, value });
    if (others.length > 1) others.sort((a, b) => (a.inputKey < b.inputKey ? -1 : 1));
    if (others.length === 0) this.#candidates.delete(key);
    else this.#candidates.set(key, others);
  }
}

function sameDependencies(left: readonly Dependency[], right: readonly Dependency[]): boolean {
  return (
    left.length === right.length && left.every(([table, key], i) => table === right[i]![0] && key === right[i]![1])
  );
}
