import { messageOf, remedyOf } from '../../lib/base/errors.ts';
import { forkJob } from '../../lib/client/fork-job.ts';
import { pinCheckpoint, unpinCheckpoint } from '../../lib/client/pin-checkpoint.ts';
import { planPrune, pruneCheckpoints } from '../../lib/client/prune-checkpoints.ts';
import { type Done, whatIsDoneStands } from './invariants/answer-rules.ts';
import { openExistingJob } from '../../lib/client/read-job.ts';
import { reconcile } from '../../lib/client/reconcile.ts';
import type { Region } from '../../lib/client/region.ts';
import { cancelJob, pauseJob, resumeJob, retryJob } from '../../lib/client/requests.ts';
import { submitJob } from '../../lib/client/submit-job.ts';
import { verifyCheckpoints } from '../../lib/client/verify-checkpoints.ts';
import type { JobPlan } from './plan-history.ts';
import { reconcileEveryMs, type SimulatedWorld } from './world.ts';
import type { Asks, Trouble } from './troubles.ts';

/** How often a submission that failed is tried again: a person sees that it failed. */
const submitTriesMax = 20;

/** People and the schedule: each command is a process of its own, which may die on the way. */
export class SimulatedOperators {
  readonly #world: SimulatedWorld;
  #rounds = 0;
  #resumed = 0;

  constructor(world: SimulatedWorld) {
    this.#world = world;
  }

  /** Submits the job, again and again until a submission comes through: a person sees that one failed. */
  submit(index: number, plan: JobPlan, tries = 1): void {
    const jobId = `job-${index}`;
    this.#world.jobs.set(jobId, { plan, root: jobId });
    const name = `submit-${index}.${tries}`;
    this.#run(
      name,
      async (region) => {
        await this.#awakened(jobId, () => submit(region, jobId, plan));
      },
      (outcome) => {
        if (outcome !== 'done' && tries < submitTriesMax)
          this.#world.timeline.after(60_000, () => this.submit(index, plan, tries + 1));
      },
    );
  }

  /** The schedule, for ever. */
  reconcileRegularly(): void {
    this.#world.timeline.after(reconcileEveryMs, () => {
      this.#run(`reconcile-${++this.#rounds}`, async (region) => {
        const { troubles } = await reconcile(region);
        for (const { jobId, error } of troubles) {
          if (remedyOf(error) === 'crash') throw error;
          this.#world.note(`reconcile: ${jobId}: ${messageOf(error)}`);
        }
      });
      this.reconcileRegularly();
    });
  }

  ask({ process: name, asks, job, pick }: Extract<Trouble, { kind: 'operator' }>): void {
    const jobId = `job-${job}`;
    this.#run(name, (region) => this.#command(region, { asks, jobId, pick, name }));
  }

  /** What was paused goes on: somebody always comes back to it. */
  resumeAll(): void {
    for (const [jobId, record] of this.#world.inspector.records) {
      if (record.status !== 'paused') continue;
      this.#run(`resumer-${++this.#resumed}`, async (region) => {
        await this.#awakened(jobId, () => resumeJob(region, jobId));
      });
    }
  }

  async #command(
    region: Region,
    {
      asks,
      jobId,
      pick,
      name,
    }: { readonly asks: Asks; readonly jobId: string; readonly pick: number; readonly name: string },
  ): Promise<void> {
    const pickOne = async (): Promise<string> => {
      const { checkpoints } = (await openExistingJob(region, jobId)).state;
      return checkpoints[pick % Math.max(1, checkpoints.length)]?.id ?? '1-1-step1';
    };
    switch (asks) {
      case 'pause':
        await pauseJob(region, jobId);
        this.#isDone(jobId, { asked: 'pause' });
        return;
      case 'resume':
        await this.#awakened(jobId, () => resumeJob(region, jobId));
        return;
      case 'resume-from':
        await this.#awakened(jobId, async () => resumeJob(region, jobId, { from: await pickOne() }));
        return;
      case 'cancel':
        await cancelJob(region, jobId);
        this.#isDone(jobId, { asked: 'cancel' });
        return;
      case 'retry':
        await this.#awakened(jobId, () => retryJob(region, jobId));
        return;
      case 'pin': {
        const { record } = await pinCheckpoint(region, jobId, await pickOne());
        this.#isDone(jobId, { asked: 'pin', checkpoint: record.id });
        return;
      }
      case 'unpin':
        await unpinCheckpoint(region, jobId, await pickOne());
        return;
      case 'prune': {
        const { checkpoints } = await planPrune(region, jobId, { keep: { last: 1, best: false } });
        await pruneCheckpoints(region, jobId, { ids: checkpoints.map(({ id }) => id) });
        return;
      }
      case 'fork':
        await this.#fork(region, jobId, `${jobId}-${name}`, await pickOne());
        return;
      case 'submit-again':
        await this.#submitAgain(region, jobId);
        return;
      case 'verify':
        await verifyCheckpoints(region, jobId, {
          all: true,
          lift: true,
          quarantine: true,
          signal: new AbortController().signal,
        });
        return;
      case 'read':
        await openExistingJob(region, jobId);
    }
  }

  async #fork(region: Region, parentId: string, childId: string, checkpoint: string): Promise<void> {
    const parent = this.#world.jobs.get(parentId);
    if (parent !== undefined) this.#world.jobs.set(childId, parent);
    const from = { jobId: parentId, checkpoint };
    await this.#awakened(childId, () => forkJob(region, { from, jobId: childId, cwd: '/nowhere' }));
    this.#isDone(childId, { asked: 'fork' });
  }

  /** Whoever makes a job run leaves a ticket for it. */
  async #awakened(jobId: string, command: () => Promise<unknown>): Promise<void> {
    const before = this.#world.ticketsSent(jobId);
    await command();
    this.#isDone(jobId, { asked: 'run', sent: this.#world.ticketsSent(jobId) - before });
  }

  #isDone(jobId: string, done: Done): void {
    const why = whatIsDoneStands(this.#world.inspector.records.get(jobId), done);
    if (why !== undefined) this.#world.broken('whatIsDoneStands', why);
  }

  async #submitAgain(region: Region, jobId: string): Promise<void> {
    const job = this.#world.jobs.get(jobId);
    if (job?.root === jobId) await submit(region, jobId, job.plan);
  }

  #run(
    name: string,
    command: (region: Region) => Promise<void>,
    then: (outcome: 'done' | 'failed') => void = () => {},
  ): void {
    const world = this.#world;
    const connected = world.connect(name);
    let outcome: 'done' | 'failed' = 'failed';
    world.note(`${name} begins`);
    connected.process.onDeath(() => then(outcome));
    void command(world.region(connected))
      .then(
        () => {
          outcome = 'done';
          world.note(`${name} is done`);
        },
        (error: unknown) => {
          const text = `${error instanceof Error ? error.name : 'error'}: ${messageOf(error).split('\n')[0]}`;
          world.note(`${name} failed: ${text}`);
          if (remedyOf(error) === 'crash') world.tell({ kind: 'said', by: name, text });
        },
      )
      .then(() => connected.process.end());
  }
}

async function submit(region: Region, jobId: string, plan: JobPlan): Promise<void> {
  await submitJob(region, {
    program: { command: ['train'], preset: 'lightning' },
    jobId,
    name: jobId,
    keep: { last: plan.keepLast },
    cwd: '/nowhere',
  });
}
