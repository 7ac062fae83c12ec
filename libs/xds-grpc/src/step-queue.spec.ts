import { StepQueue, type Steps } from './step-queue.js';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('StepQueue', () => {
  it('does a job of one step at once', () => {
    const done: string[] = [];
    const queue = new StepQueue();
    queue.add(
      (function* (): Steps {
        done.push('a');
      })(),
    );
    expect(done).toEqual(['a']);
  });

  it('lets others in between steps, and keeps the order of jobs', async () => {
    const done: string[] = [];
    const queue = new StepQueue();
    const job = function* (name: string): Steps {
      done.push(`${name}1`);
      yield;
      done.push(`${name}2`);
    };
    queue.add(job('a'));
    queue.add(job('b'));
    done.push('other');
    while (done.length < 5) await turn();
    expect(done).toEqual(['a1', 'other', 'a2', 'b1', 'b2']);
  });

  it('takes jobs that are added by a job', () => {
    const done: string[] = [];
    const queue = new StepQueue();
    queue.add(
      (function* (): Steps {
        queue.add(
          (function* (): Steps {
            done.push('inner');
          })(),
        );
        done.push('outer');
      })(),
    );
    expect(done).toEqual(['outer', 'inner']);
  });

  it('does nothing more once it is stopped', async () => {
    const done: string[] = [];
    const queue = new StepQueue();
    const job = function* (): Steps {
      done.push('first');
      yield;
      done.push('second');
    };
    queue.add(job());
    queue.add(job());
    queue.stop();
    queue.add(job());
    await turn();
    await turn();
    expect(done).toEqual(['first']);
  });
});
