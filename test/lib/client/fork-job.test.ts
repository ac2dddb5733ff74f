import { describe, expect, it } from 'vitest';
import { ConflictError, CorruptionError, NotFoundError, UsageError } from '../../../lib/base/errors.ts';
import { type Attempt, attemptsOf } from '../../../lib/client/attempts.ts';
import type { JournalEntry } from '../../../lib/contract/journal-entry.ts';
import { loadSpec } from '../../../lib/client/load-spec.ts';
import { reconcile } from '../../../lib/client/reconcile.ts';
import { deleteDropped, sweepGarbage } from '../../../lib/checkpoint/prune.ts';
import { readManifest } from '../../../lib/checkpoint/read-manifest.ts';
import { silentLog } from '../../../lib/base/log.ts';
import { seededRandom } from '../../../lib/base/random.ts';
import type { Manifest } from '../../../lib/contract/manifest.ts';
import type { JobSpec } from '../../../lib/contract/job-spec.ts';
import type { JobState } from '../../../lib/journal/job-state.ts';
import { requestCancel, requestPause, requestPrune } from '../../../lib/journal/requests.ts';
import { isUnfinishedFork } from '../../../lib/journal/status.ts';
import { childId, filesAt, ForkWorld, mortal, parentId } from '../../support/fork-world.ts';
import { withMethods } from '../../support/with-methods.ts';
import type { ObjectStore } from '../../../lib/store/object-store.ts';
import { digestsIn, digestsOf, keysUnder, quickClock, restore } from '../checkpoint/files.ts';

const stateOf = async (world: ForkWorld, jobId: string): Promise<JobState> =>
  (await world.journal(jobId)).state;

async function kindsOf(world: ForkWorld, jobId: string): Promise<readonly string[]> {
  const kinds: string[] = [];
  for await (const { kind } of (await world.journal(jobId)).entries()) kinds.push(kind);
  return kinds;
}

async function specOf(world: ForkWorld, jobId: string): Promise<JobSpec> {
  const { spec } = await stateOf(world, jobId);
  if (spec === null) throw new Error('a submitted job has a spec');
  return loadSpec(world.store, spec);
}

async function newestManifest(world: ForkWorld, jobId: string): Promise<Manifest> {
  const record = (await stateOf(world, jobId)).checkpoints.at(-1);
  if (record === undefined) throw new Error('nothing is saved');
  const ports = { store: world.store, clock: quickClock(), random: seededRandom(1), log: silentLog };
  return readManifest(ports, { jobId, record, signal: new AbortController().signal });
}

/** A worker claims the job and finds what it should. */
async function expectRestores(world: ForkWorld, jobId: string, step: number): Promise<void> {
  const claim = await world.claimed(jobId);
  const restored = await restore(world.store, claim);
  expect(restored).toMatchObject({ outcome: 'restored', record: { step } });
  expect(digestsIn(restored.dir)).toEqual(digestsOf(filesAt(step)));
}

describe('a fork', () => {
  it('is a job of its own that begins with the checkpoint, and tells where it comes from', async () => {
    const world = await ForkWorld.withParent();
    const forked = await world.fork({ set: { learningRate: '0.01' }, seed: 7 });
    expect(forked).toMatchObject({
      jobId: childId,
      outcome: 'queued',
      forkedFrom: { jobId: parentId, checkpoint: '2-2-step20', step: 20 },
    });
    expect(await kindsOf(world, childId)).toEqual(['submitted', 'claimed', 'checkpoint', 'released']);
    const state = await stateOf(world, childId);
    expect(state).toMatchObject({ status: 'interrupted', forkedFrom: forked.forkedFrom, committed: 1 });
    expect(state.strikes.total).toBe(0);
    expect(state.checkpoints).toMatchObject([{ id: '2-1-step20', reason: 'fork', step: 20, example: 0 }]);
    expect(await specOf(world, childId)).toMatchObject({
      name: 'digits learningRate=0.01',
      program: { params: { units: 16, learningRate: 0.01 }, seed: 7 },
    });
    expect(await kindsOf(world, parentId)).toEqual([
      'submitted',
      'claimed',
      'checkpoint',
      'checkpoint',
      'checkpoint',
      'released',
      'forked',
    ]);
    expect(await world.tickets()).toBe(1);
    await expectRestores(world, childId, 20);
    await expectRestores(world, parentId, 30);
  });

  it('counts no attempt before a worker has it', async () => {
    const world = await ForkWorld.withParent();
    await world.fork();
    const attempts = async (): Promise<readonly Attempt[]> => {
      const entries: JournalEntry[] = [];
      for await (const entry of (await world.journal(childId)).entries()) entries.push(entry);
      return attemptsOf(entries);
    };
    expect(await attempts()).toEqual([]);
    await world.claimed(childId);
    expect(await attempts()).toHaveLength(1);
  });

  it('names its own keys alone, and says that it is a fork in a format that older readers refuse', async () => {
    const world = await ForkWorld.withParent();
    await world.fork();
    const manifest = await newestManifest(world, childId);
    expect(manifest).toMatchObject({ format: 2, jobId: childId, parent: null, reason: 'fork', step: 20 });
    const keys = manifest.files.flatMap((file) => file.chunks.map((chunk) => chunk.key));
    expect(keys).toHaveLength(2);
    expect(keys.every((key) => key.startsWith(`jobs/${childId}/checkpoints/2-1-step20/`))).toBe(true);
    const formats: number[] = [];
    for await (const { format } of (await world.journal(childId)).entries()) formats.push(format);
    expect(formats).toEqual([2, 1, 2, 1]);
  });

  it('needs nothing of its parent, whose objects may all go', async () => {
    const world = await ForkWorld.withParent();
    await world.fork();
    await world.store.delete(await keysUnder(world.store, `jobs/${parentId}/`));
    await expectRestores(world, childId, 20);
  });

  it('holds the checkpoint against the keep policy and a request until it is copied', async () => {
    const world = await ForkWorld.withParent();
    let goesOn: Promise<void> | undefined;
    const store = withMethods<ObjectStore>(world.store, {
      copy: async (from, to, options) => {
        await (goesOn ??= trainParentOn(world));
        return world.store.copy(from, to, options);
      },
    });
    await world.fork({}, store);
    const { checkpoints } = await stateOf(world, parentId);
    expect(checkpoints.map(({ step }) => step)).toContain(20);
    const asked = requestPrune(await world.journal(parentId), {
      checkpoints: ['2-2-step20'],
      by: 'somebody',
    });
    await expect(asked).rejects.toThrow(ConflictError);
    await expectRestores(world, childId, 20);
  });

  it('of another moment is another job with the same checkpoint', async () => {
    const world = await ForkWorld.withParent();
    const first = await world.fork({ jobId: undefined });
    const second = await world.fork({ jobId: undefined });
    expect(first.jobId).not.toBe(second.jobId);
    await expectRestores(world, first.jobId, 20);
    await expectRestores(world, second.jobId, 20);
  });

  it('of a fork is a fork', async () => {
    const world = await ForkWorld.withParent();
    await world.fork();
    await world.fork({ from: { jobId: childId, checkpoint: 'latest' }, jobId: 'grandchild' });
    await expectRestores(world, 'grandchild', 20);
    expect((await stateOf(world, 'grandchild')).forkedFrom?.jobId).toBe(childId);
  });

  it('of a command keeps the command, with other variables', async () => {
    const program = {
      kind: 'command' as const,
      command: ['train'],
      env: { A: '1', B: '2' },
      checkpoints: { match: '*', complete: { by: 'rename' as const } },
    };
    const world = await ForkWorld.withParent({ program });
    await world.fork({ env: { B: '3', C: '4' } });
    expect(await specOf(world, childId)).toMatchObject({
      program: { command: ['train'], env: { A: '1', B: '3', C: '4' } },
    });
    await expect(world.fork({ jobId: 'other', set: { a: '1' } })).rejects.toThrow('--set means nothing');
  });

  it('in a dry run writes nothing', async () => {
    const world = await ForkWorld.withParent();
    const before = await keysUnder(world.store, '');
    expect((await world.fork({ dryRun: true })).outcome).toBe('dry-run');
    expect(await keysUnder(world.store, '')).toEqual(before);
    expect(await world.tickets()).toBe(0);
  });
});

/** Three more saves under a new claim that keeps the last one only, deletes what it drops and sweeps. */
async function trainParentOn(world: ForkWorld): Promise<void> {
  const claim = await world.claimed(parentId);
  const dropped = await world.train(claim, [40, 50], 1);
  await deleteDropped(world.store, claim, dropped);
  await sweepGarbage(claim, world.store);
}

describe('a fork that cannot be', () => {
  it.each([
    ['of no job', { from: { jobId: 'nobody', checkpoint: 'latest' } }, NotFoundError],
    ['of no checkpoint', { from: { jobId: parentId, checkpoint: 'step25' } }, NotFoundError],
    ['with an unknown parameter', { set: { rate: '1' } }, UsageError],
    ['with a variable for a program', { env: { A: '1' } }, UsageError],
    ['under the id of another job', { jobId: parentId }, ConflictError],
  ])('is refused: %s; nothing is written', async (_, options, error) => {
    const world = await ForkWorld.withParent();
    const before = await keysUnder(world.store, '');
    await expect(world.fork(options)).rejects.toThrow(error);
    expect(await keysUnder(world.store, '')).toEqual(before);
  });

  it('is refused of a damaged checkpoint: known as such, or found to be while it is copied', async () => {
    const known = await ForkWorld.withParent();
    await (
      await known.journal(parentId)
    ).append(() => ({
      kind: 'quarantined',
      checkpoint: '2-2-step20',
      chunks: [],
      why: 'a chunk is gone',
      claim: null,
    }));
    await expect(known.fork({ from: { jobId: parentId, checkpoint: '2-2-step20' } })).rejects.toThrow(
      ConflictError,
    );
    const damages: readonly ((world: ForkWorld, key: string) => Promise<unknown>)[] = [
      async ({ store }, key) => store.delete([key]),
      async ({ store }, key) => store.put(key, new Uint8Array(3)),
    ];
    for (const damage of damages) {
      const found = await ForkWorld.withParent();
      const key = (await newestManifest(found, parentId)).files[1]?.chunks[0]?.key ?? '';
      await damage(found, key);
      const forking = found.fork({ from: { jobId: parentId, checkpoint: 'latest' } });
      await expect(forking).rejects.toThrow(CorruptionError);
      expect((await stateOf(found, childId)).sequence).toBe(0);
    }
  });

  it('reads back what the store gives no digest of', async () => {
    const world = await ForkWorld.withParent();
    const silent = withMethods<ObjectStore>(world.store, {
      copy: async (from, to, options) => {
        const copied = await world.store.copy(from, to, options);
        return copied.outcome === 'copied' ? { ...copied, sha256: undefined } : copied;
      },
    });
    await world.fork({}, silent);
    await expectRestores(world, childId, 20);
    const torn = withMethods<ObjectStore>(silent, {
      copy: async (from, to, options) => {
        const copied = await silent.copy(from, to, options);
        await world.store.put(to, new Uint8Array(3));
        return copied;
      },
    });
    await expect(world.fork({ jobId: 'other' }, torn)).rejects.toThrow(CorruptionError);
  });
});

describe('the same fork again', () => {
  it('adds nothing, whatever became of parent and child', async () => {
    const world = await ForkWorld.withParent();
    await world.fork({ from: { jobId: parentId, checkpoint: 'latest' } });
    await trainParentOn(world);
    const before = [await kindsOf(world, parentId), await kindsOf(world, childId)];
    for (const checkpoint of ['latest', 'step30', '30', '2-3-step30'])
      expect((await world.fork({ from: { jobId: parentId, checkpoint } })).outcome).toBe('repeated');
    expect([await kindsOf(world, parentId), await kindsOf(world, childId)]).toEqual(before);
    expect(await world.tickets()).toBe(5);
  });

  it('is refused when it asks for something else', async () => {
    const world = await ForkWorld.withParent();
    await world.fork();
    await expect(world.fork({ from: { jobId: parentId, checkpoint: 'step30' } })).rejects.toThrow(
      ConflictError,
    );
    await expect(world.fork({ set: { learningRate: '0.5' } })).rejects.toThrow(ConflictError);
    await expect(world.fork({ name: 'another' })).rejects.toThrow(ConflictError);
  });

  it('finishes beside another one: both make the same, and one checkpoint is committed', async () => {
    const world = await ForkWorld.withParent();
    const all = await Promise.all(Array.from({ length: 6 }, () => world.fork()));
    expect(new Set(all.map(({ jobId }) => jobId))).toEqual(new Set([childId]));
    const state = await stateOf(world, childId);
    expect(state).toMatchObject({ committed: 1, claim: null, ignored: { count: 0 } });
    expect(state.totals.silentDeaths).toBe(0);
    await expectRestores(world, childId, 20);
  });
});

describe('a fork that dies at any of its requests', () => {
  /** Runs `check` on a world in which the fork died at each request in turn; answers how many there were. */
  async function atEachDeath(check: (world: ForkWorld, what: string) => Promise<void>): Promise<number> {
    const parent = await ForkWorld.withParent();
    for (let deathAt = 1; ; deathAt++) {
      const world = await parent.clone();
      const { store, calls } = mortal(world.store, deathAt);
      await world.fork({}, store).catch(() => undefined);
      if (calls() < deathAt) return deathAt;
      await check(world, `death at request ${deathAt}`);
    }
  }

  it('leaves no child that could begin afresh, and a parent that is as it was', async () => {
    const seen = new Set<string>();
    const requests = await atEachDeath(async (world, what) => {
      const { sequence, committed } = await stateOf(world, childId);
      const phase = sequence === 0 ? 'no child' : committed === 0 ? 'unfinished' : 'made';
      seen.add(phase);
      await expectRestores(world, parentId, 30);
      if (phase === 'no child') return;
      // Whoever is handed a ticket of it now either finds the checkpoint or leaves the job alone.
      const worker = await world.claim(childId);
      expect(worker.outcome, what).toBe(phase === 'made' ? 'claimed' : 'finished');
      if (worker.outcome === 'claimed') {
        expect(await restore(world.store, worker.claim), what).toMatchObject({ outcome: 'restored' });
      }
    });
    expect(seen).toEqual(new Set(['no child', 'unfinished', 'made']));
    expect(requests).toBeGreaterThan(15);
  });

  it('is finished by the same call, also after its parent went on and was pruned', async () => {
    await atEachDeath(async (world, what) => {
      const isHeld = (await stateOf(world, parentId)).forks.length > 0;
      if (isHeld) await trainParentOn(world);
      const forked = await world.fork();
      expect(forked.jobId, what).toBe(childId);
      const state = await stateOf(world, childId);
      expect(state, what).toMatchObject({ committed: 1, claim: null, ignored: { count: 0 } });
      expect(state.strikes.total, what).toBe(0);
      expect(await world.tickets(), what).toBeGreaterThan(0);
      await expectRestores(world, childId, 20);
    });
  });

  it('is finished by a call that dies too, and another, and another', async () => {
    const world = await ForkWorld.withParent();
    for (let deathAt = 1; ; deathAt++) {
      const { store, calls } = mortal(world.store, deathAt);
      await world.fork({}, store).catch(() => undefined);
      if (calls() < deathAt) break;
    }
    expect(await stateOf(world, childId)).toMatchObject({ committed: 1, claim: null });
    expect((await stateOf(world, childId)).totals).toMatchObject({ claims: 1, silentDeaths: 0 });
    await expectRestores(world, childId, 20);
    await expectRestores(world, parentId, 30);
  });
});

describe('a fork that was left half made', () => {
  /** Its journal is begun, and its maker is gone. */
  async function halfMade(): Promise<ForkWorld> {
    const parent = await ForkWorld.withParent();
    for (let deathAt = 1; ; deathAt++) {
      const world = await parent.clone();
      await world.fork({}, mortal(world.store, deathAt).store).catch(() => undefined);
      const state = await stateOf(world, childId);
      if (state.sequence > 0 && isUnfinishedFork(state)) return world;
    }
  }

  it('is given no ticket by reconcile, and counts as nobody that waits', async () => {
    const world = await halfMade();
    world.clock.pass(24 * 3_600_000);
    const report = await reconcile(world.region(), { jobIds: [childId] });
    expect(report).toMatchObject({ visited: 1, ticketed: [], waiting: [] });
  });

  it('never begins afresh, even for an owner of its claim', async () => {
    const world = await halfMade();
    const journal = await world.journal(childId);
    await journal.append(() => ({
      kind: 'claimed',
      ticket: 'ticket',
      instance: { id: 'i-9', type: 't', zone: 'z' },
      claim: null,
    }));
    const claim = { token: journal.state.newestClaim, journal, append: journal.append.bind(journal) };
    await expect(restore(world.store, claim)).rejects.toMatchObject({ remedy: 'retry' });
    const fresh = journal.append(() => ({
      kind: 'restored',
      checkpoint: null,
      step: 0,
      bytes: 0,
      elapsedMs: 0,
      claim: claim.token,
    }));
    await expect(fresh).rejects.toThrow('a fresh start although the job is a fork');
  });

  it('is finished though something was asked of it in between, under the name of its own claim', async () => {
    const world = await halfMade();
    await requestPause(await world.journal(childId), { by: 'somebody' });
    await world.fork();
    await expect(world.claim(childId)).resolves.toEqual({ outcome: 'finished', status: 'paused' });
    const [record] = (await stateOf(world, childId)).checkpoints;
    expect(record?.manifest.key).toContain(`/${record?.claim}-1-step20/`);
  });

  it('can be cancelled, and is then not finished', async () => {
    const world = await halfMade();
    await requestCancel(await world.journal(childId), { by: 'somebody' });
    world.clock.pass(3_600_000);
    await reconcile(world.region(), { jobIds: [childId] });
    expect((await stateOf(world, childId)).status).toBe('cancelled');
    await expect(world.fork()).rejects.toThrow(ConflictError);
  });
});
