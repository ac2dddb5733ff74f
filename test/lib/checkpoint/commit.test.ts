import { describe, expect, it } from 'vitest';
import { ConflictError, FencedError } from '../../../lib/base/errors.ts';
import { seededRandom } from '../../../lib/base/random.ts';
import { commitCheckpoint } from '../../../lib/checkpoint/commit.ts';
import { sweepGarbage } from '../../../lib/checkpoint/prune.ts';
import { uploadCheckpoint } from '../../../lib/checkpoint/upload.ts';
import { MemoryObjectStore } from '../../../lib/store/memory-object-store.ts';
import { FaultyObjectStore } from '../../../proof/rehearsal/faulty-object-store.ts';
import { digestsIn, digestsOf, keepAll, keysUnder, restore, save, text, uploadOptions } from './files.ts';
import { jobId, openJob, operator, submitJob, takeOver } from './real-job.ts';

const keepOne = { last: 1, best: true };
const commitOf = { epoch: 0, example: 0, reason: 'policy', keep: keepAll } as const;

async function submitted(): Promise<MemoryObjectStore> {
  const store = new MemoryObjectStore();
  await submitJob(store);
  return store;
}

const file = (content: string) => ({ 'a.bin': text(content) });

describe('a commit', () => {
  it('is one entry that carries what the keep policy drops', async () => {
    const store = await submitted();
    const claim = await takeOver(store);
    const first = await save({ store, claim, files: file('one'), ordinal: 1, step: 1, keep: keepOne });
    const { sequence } = claim.journal.state;

    const second = await save({ store, claim, files: file('two'), ordinal: 2, step: 2, keep: keepOne });

    expect(second.drops).toEqual([first.record.id]);
    expect(claim.journal.state.sequence).toBe(sequence + 1);
    const { checkpoints } = (await openJob(store)).state;
    expect(checkpoints).toEqual([second.record]);
    expect(second.record).toMatchObject({ id: `${claim.token}-2-step2`, step: 2, bytes: 3, newBytes: 3 });
  });

  it('decides what to drop on the very state that it follows: a pin that came meanwhile is seen', async () => {
    const store = await submitted();
    const claim = await takeOver(store);
    const first = await save({ store, claim, files: file('one'), ordinal: 1, step: 1, keep: keepOne });
    await operator(store, { kind: 'pinned', checkpoint: first.record.id, by: 'ann' });
    const second = await save({ store, claim, files: file('two'), ordinal: 2, step: 2, keep: keepOne });
    expect(second.drops).toEqual([]);
  });

  it('drops nothing that a fork is copying', async () => {
    const store = await submitted();
    const claim = await takeOver(store);
    const first = await save({ store, claim, files: file('one'), ordinal: 1, step: 1, keep: keepOne });
    await operator(store, { kind: 'forked', checkpoint: first.record.id, child: 'child' });
    expect(
      (await save({ store, claim, files: file('two'), ordinal: 2, step: 2, keep: keepOne })).drops,
    ).toEqual([]);
  });

  it('after a roll-back keeps the target, and the job goes on from the new checkpoint', async () => {
    const store = await submitted();
    const claim = await takeOver(store);
    const target = await save({ store, claim, files: file('one'), ordinal: 1, step: 1 });
    await save({ store, claim, files: file('two'), ordinal: 2, step: 2 });
    const left = await save({ store, claim, files: file('three'), ordinal: 3, step: 3 });
    await operator(store, { kind: 'pause-requested', by: 'ann' });
    await claim.journal.refresh();
    await claim.append(() => ({ kind: 'paused', step: 3 }));
    await operator(store, { kind: 'resume-requested', by: 'ann', from: target.record.id });

    const next = await takeOver(store);
    expect(await restore(store, next)).toMatchObject({ record: { id: target.record.id } });
    // An attempt that dies before its first commit changes nothing about the roll-back.
    const after = await takeOver(store);
    expect(await restore(store, after)).toMatchObject({ record: { id: target.record.id } });
    const keep = { last: 2, best: true };
    const newest = await save({ store, claim: after, files: file('1b'), ordinal: 1, step: 2, keep });

    expect(newest.drops).not.toContain(target.record.id);
    await store.delete([newest.uploaded.ref.key]);
    const fallen = await restore(store, await takeOver(store));
    expect(fallen).toMatchObject({ record: { id: target.record.id } });
    expect(fallen).not.toMatchObject({ record: { id: left.record.id } });
  });

  it('that lost its answer stands once', async () => {
    const inner = await submitted();
    const store = new FaultyObjectStore(inner, {
      random: seededRandom(1),
      script: [{ method: 'createIfAbsent', nth: 2, key: '/journal/', fault: 'lost-answer' }],
    });
    const claim = await takeOver(store);
    const { record } = await save({ store, claim, files: file('one'), ordinal: 1, step: 1 });
    expect(store.faults).toHaveLength(1);
    expect((await openJob(inner)).state.committed).toBe(1);
    expect((await openJob(inner)).state.checkpoints).toEqual([record]);
  });

  it('may be repeated, and stands once', async () => {
    const store = await submitted();
    const claim = await takeOver(store);
    const first = await save({ store, claim, files: file('one'), ordinal: 1, step: 1 });
    const again = await commitCheckpoint(claim, { ...commitOf, uploaded: first.uploaded });
    expect(again).toEqual({ record: first.record, drops: [] });
    expect(claim.journal.state.committed).toBe(1);
  });

  it('leaves a metric out that is no number', async () => {
    const store = await submitted();
    const claim = await takeOver(store);
    const best = { metric: 'loss', value: Number.NaN };
    const { record } = await save({ store, claim, files: file('one'), ordinal: 1, step: 1, best });
    expect(record.best).toBeUndefined();
    const real = { metric: 'loss', value: 0.5 };
    const next = await save({ store, claim, files: file('two'), ordinal: 2, step: 2, best: real });
    expect(next.record.best).toEqual(real);
  });
});

describe('a commit of re-used chunks', () => {
  it('is refused when the parent was dropped meanwhile', async () => {
    const store = await submitted();
    const claim = await takeOver(store);
    const parent = await save({ store, claim, files: file('same'), ordinal: 1, step: 1 });
    const options = {
      store,
      claim,
      files: file('same'),
      ordinal: 2,
      step: 2,
      parent: parent.uploaded.manifest,
    };
    const uploaded = await uploadCheckpoint(uploadOptions(options));
    await save({ store, claim, files: file('other'), ordinal: 3, step: 2, keep: keepOne });
    const late = { ...uploaded, name: { ...uploaded.name, ordinal: 4 } };
    await expect(commitCheckpoint(claim, { ...commitOf, uploaded: late })).rejects.toThrow(/why=`dropped`/);
  });

  it('is refused when the parent turned out to be damaged', async () => {
    const store = await submitted();
    const claim = await takeOver(store);
    const parent = await save({ store, claim, files: file('same'), ordinal: 1, step: 1 });
    await operator(store, { kind: 'quarantined', checkpoint: parent.record.id, chunks: [], why: 'bit rot' });
    const options = {
      store,
      claim,
      files: file('same'),
      ordinal: 2,
      step: 2,
      parent: parent.uploaded.manifest,
    };
    await expect(save(options)).rejects.toBeInstanceOf(ConflictError);
    const whole = await save({ ...options, ordinal: 3, parent: undefined });
    expect(digestsIn((await restore(store, await takeOver(store))).dir)).toEqual(digestsOf(file('same')));
    expect(whole.uploaded.newBytes).toBe(4);
  });

  it('does not mind a lost parent from which it took nothing', async () => {
    const store = await submitted();
    const claim = await takeOver(store);
    const parent = await save({ store, claim, files: file('one'), ordinal: 1, step: 1 });
    await operator(store, { kind: 'quarantined', checkpoint: parent.record.id, chunks: [], why: 'bit rot' });
    const options = {
      store,
      claim,
      files: file('two'),
      ordinal: 2,
      step: 2,
      parent: parent.uploaded.manifest,
    };
    await expect(save(options)).resolves.toMatchObject({ record: { step: 2 } });
  });
});

describe('a zombie that wakes after the take-over', () => {
  it('commits nothing and damages nothing, and what it uploaded is swept', async () => {
    const store = await submitted();
    const zombie = await takeOver(store);
    const parent = await save({ store, claim: zombie, files: file('one'), ordinal: 1, step: 1 });
    const owner = await takeOver(store);
    const good = await save({
      store,
      claim: owner,
      files: file('two'),
      ordinal: 1,
      step: 2,
      parent: parent.uploaded.manifest,
    });

    // It does not know yet: its whole upload succeeds, higher step and all.
    const late = {
      store,
      claim: zombie,
      files: { ...file('one'), 'b.bin': text('zombie') },
      ordinal: 2,
      step: 900,
      parent: parent.uploaded.manifest,
    };
    await expect(save(late)).rejects.toBeInstanceOf(FencedError);
    const left = `jobs/${jobId}/checkpoints/${zombie.token}-2-step900/`;
    expect(await keysUnder(store, left)).toHaveLength(2);

    expect((await openJob(store)).state.checkpoints.map(({ id }) => id)).toEqual([
      parent.record.id,
      good.record.id,
    ]);
    expect(await sweepGarbage(owner, store)).toBe(2);
    expect(await keysUnder(store, left)).toEqual([]);
    expect(digestsIn((await restore(store, await takeOver(store))).dir)).toEqual(digestsOf(file('two')));
  });
});
