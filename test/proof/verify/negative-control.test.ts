import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { sha256Hex } from '../../../lib/base/digest.ts';
import { seededRandom } from '../../../lib/base/random.ts';
import type { StepRecord } from '../../../lib/contract/step-record.ts';
import { controlOf, negativeControl } from '../../../proof/verify/negative-control.ts';
import { StepLog } from '../../../proof/verify/step-log.ts';
import type { Trial } from '../../../proof/verify/trial.ts';
import { tempDir } from '../../support/temp-dir.ts';

const digestOf = (value: unknown): string => sha256Hex(Buffer.from(JSON.stringify(value)));

/** What `load` makes of the value that it is given, in parts as a record has them; undefined: it refuses. */
type Load = (value: unknown) => Readonly<Record<string, unknown>> | undefined;

/** Where the processes of controls were told to note what they see. */
const traceDirs: string[] = [];

/** The control of a program whose one `Stateful`, `reader`, has saved `value`. */
async function controlFor(value: unknown, load: Load, seed = 1) {
  const dir = tempDir();
  const document = {
    format: 1,
    position: { step: 1, epoch: 0, example: 0 },
    seed: 1,
    params: {},
    data: null,
    evaluation: { step: null, metrics: {} },
    best: null,
    stopped: null,
    epochMetrics: {},
    state: { reader: { kind: 'stateful', value } },
  };
  writeFileSync(join(dir, 'trainer.json'), JSON.stringify(document));
  const stateAfter = (at: string): Record<string, string> | undefined => {
    const loaded = load(JSON.parse(readFileSync(join(at, 'trainer.json'), 'utf8')).state.reader.value);
    return loaded && Object.fromEntries(Object.entries(loaded).map(([name, part]) => [name, digestOf(part)]));
  };
  const plan = { steps: 9, stepsPerEpoch: null, evaluateEverySteps: null, evaluates: false };
  const trial: Pick<Trial, 'run'> = {
    run: ({ from, traceDir = 'with the others' }) => {
      traceDirs.push(traceDir);
      const state = stateAfter(from?.dir ?? '');
      const records: StepRecord[] =
        state === undefined ? [] : [{ kind: 'began', step: 1, resumed: true, state, plan }];
      const log = new StepLog('');
      return Promise.resolve({
        end: state === undefined ? 'failed' : 'killed',
        failure: undefined,
        log,
        records,
        copies: [],
      });
    },
  };
  return negativeControl({
    trial,
    checkpoint: { dir, step: 1, digests: {} },
    records: [{ kind: 'step', step: 1, epoch: 0, examples: null, metrics: {}, state: stateAfter(dir) ?? {} }],
    dir: join(tempDir(), 'control'),
    random: seededRandom(seed),
    signal: new AbortController().signal,
  });
}

describe('the negative control of a program without tensors', () => {
  it('finds a number wherever it lies: alone, in a list, in a map of a part', async () => {
    expect(await controlFor(3, (value) => ({ reader: value }))).toBe('found');
    expect(await controlFor([3, 7], (value) => ({ reader: value }))).toBe('found');
    const map = { seen: { $: 'map', v: [['a', 2]] } };
    expect(await controlFor(map, (value) => ({ 'reader.seen': Object(value).seen }))).toBe('found');
  });

  it('drops another part where nobody misses the first, such as a version', async () => {
    const load: Load = (value) => ({ 'reader.version': 1, 'reader.n': Object(value).n });
    for (const seed of [1, 2, 3, 4]) expect(await controlFor({ version: 1, n: 5 }, load, seed)).toBe('found');
  });

  it('counts a refusal as noticed, if only from what lacks a part', async () => {
    const load: Load = (value) => (Object(value).n > 0 ? { 'reader.n': Object(value).n } : undefined);
    const control = await controlFor({ n: 5 }, load);
    expect(control).toBe('refused');
    expect(controlOf(control, undefined)).toBe('found');
    const refusal = {
      step: 1,
      resumedFromStep: 1,
      component: 'program',
      all: [],
      expected: '',
      found: '',
      after: '',
    };
    expect(controlOf(control, { kind: 'refused', ...refusal })).toBe('not-run');
  });

  it('notes what its processes see apart from those that are compared', async () => {
    traceDirs.length = 0;
    await controlFor({ n: 5, m: 6 }, () => ({ 'reader.n': 5, 'reader.m': 6 }));
    expect(traceDirs).toHaveLength(2);
    expect(new Set([...traceDirs, 'with the others']).size).toBe(3);
  });

  it('is missed where no part is restored, and has nothing to drop where all are zero', async () => {
    expect(await controlFor({ n: 5, m: 6 }, () => ({ 'reader.n': 5, 'reader.m': 6 }))).toBe('missed');
    expect(await controlFor({ n: 0, name: 'x' }, () => ({}))).toBe('nothing-to-drop');
  });
});
