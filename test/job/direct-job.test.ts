import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { sha256Hex } from '../../lib/base/digest.ts';
import { jobSpecSchema } from '../../lib/contract/job-spec.ts';
import { objectKeys } from '../../lib/contract/object-keys.ts';
import { parseDocument } from '../../lib/contract/parse-document.ts';
import { adoptDirectJob } from '../../job/direct-job.ts';
import { WorkerBench } from '../support/worker-bench.ts';

let bench: WorkerBench;
beforeEach(() => {
  bench = new WorkerBench();
  writeFileSync(join(bench.dir, 'program.mjs'), 'export default {}');
});
afterEach(() => bench.dispose());

const message = () => ({
  format: 1 as const,
  program: pathToFileURL(join(bench.dir, 'program.mjs')).href,
  name: 'by hand',
  params: { units: 3 },
  seed: 5,
});

describe('a message that is itself a job', () => {
  it('becomes a job whose id is taken from the message, with program, spec and journal', async () => {
    const { world } = bench.start();
    const jobId = await adoptDirectJob(world, message(), 'AB12-34');
    expect(jobId).toBe('job-ab12-34');
    const state = await bench.state(jobId);
    expect(state).toMatchObject({ name: 'by hand', status: 'queued', sequence: 1 });
    const body = (await bench.store.get(state.spec?.key ?? ''))?.body ?? '';
    expect(sha256Hex(body)).toBe(state.spec?.sha256);
    const spec = parseDocument(jobSpecSchema, body, { what: 'spec', at: 'store' });
    expect(spec).toMatchObject({
      jobId,
      program: { params: { units: 3 }, seed: 5, sha256: sha256Hex('export default {}') },
    });
    expect(await bench.store.head(objectKeys.program(sha256Hex('export default {}')))).toBeDefined();
  });

  it('is one job, however often and by however many it is delivered', async () => {
    const workers = [bench.start(), bench.start(), bench.start()];
    const ids = await Promise.all(workers.map(({ world }) => adoptDirectJob(world, message(), 'm1')));
    expect(new Set(ids)).toEqual(new Set(['job-m1']));
    expect(await bench.kinds('job-m1')).toEqual(['submitted']);
    await adoptDirectJob(workers[0]!.world, message(), 'm1');
    expect(await bench.kinds('job-m1')).toEqual(['submitted']);
  });

  it('trains when a worker receives it', async () => {
    await bench.queue.send(JSON.stringify(message()));
    const worker = await bench.begin();
    expect(worker.trainer.order.spec.program).toMatchObject({ kind: 'training', params: { units: 3 } });
  });

  it('whose program is nowhere makes no job', async () => {
    const { world } = bench.start();
    const nowhere = { ...message(), program: pathToFileURL(join(bench.dir, 'nowhere.mjs')).href };
    await expect(adoptDirectJob(world, nowhere, 'm2')).rejects.toThrow(/ENOENT|not there/);
    expect((await bench.state('job-m2')).sequence).toBe(0);
  });
});
