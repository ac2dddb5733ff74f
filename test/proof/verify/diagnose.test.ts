import { beforeAll, describe, expect, it } from 'vitest';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { bundleProgram } from '../../../lib/client/bundle-program.ts';
import { diagnose } from '../../../proof/verify/diagnose.ts';
import type { Divergence } from '../../../proof/verify/divergence.ts';
import { divergenceOfFailure } from '../../../proof/verify/divergence-of-failure.ts';
import { programSource } from '../../../proof/verify/program-source.ts';
import { type Trace, traceOf } from '../../../proof/verify/trace/read-traces.ts';
import type { TraceRecord } from '../../../proof/verify/trace/trace-record.ts';
import { scratchFolder } from '../../support/scratch-folder.ts';

const source = `const origin = Date.now();
let calls = 0;
export default {
  setup() {
    return { state: {}, until: { steps: 1 }, step() { calls += 1; return { loss: Date.now() - origin }; } };
  },
};
`;
let code = '';
/** Where `text` stands in the bundle, as a stack names it. */
const placeOf = (text: string, nth = 0): { line: number; column: number } => {
  const before = code
    .split(text)
    .slice(0, nth + 1)
    .join(text);
  const lines = before.split('\n');
  return { line: lines.length, column: (lines.at(-1)?.length ?? 0) + 1 };
};

beforeAll(async () => {
  const { dir, remove } = await scratchFolder();
  writeFileSync(join(dir, 'train.ts'), source);
  ({ code } = await bundleProgram(join(dir, 'train.ts')));
  await remove();
});

const divergence: Divergence = {
  step: 5,
  kind: 'metric',
  component: 'loss',
  all: ['loss'],
  expected: '1',
  found: '2',
  after: 'an interruption in the middle of an epoch',
  resumedFromStep: 4,
};

type Outside = Extract<TraceRecord, { kind: 'outside' }>;
type Values = Record<
  string,
  string | { text: string; sorted?: string; part?: 'generator' | 'layer' | 'optimizer' | 'recurrent' }
>;

function look(when: Outside['when'], step: number, values: Values, resumed = false): Outside {
  const seen = Object.entries(values).map(([name, value]) => {
    const { text, sorted, part } =
      typeof value === 'string' ? { text: value } : { part: undefined, sorted: undefined, ...value };
    return [
      name,
      { digest: text, shown: text, ...(sorted && { contents: sorted }), ...(part && { part }) },
    ] as const;
  });
  return { kind: 'outside', when, step, resumed, values: Object.fromEntries(seen), gone: [] };
}

function trace(number: number, disturbed: boolean, ...records: TraceRecord[]): Trace {
  const lines: TraceRecord[] = [{ kind: 'process', number, disturbed }, ...records];
  return traceOf(lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
}

/** A run that was left alone, and one that was resumed at step 4, where the values are others. */
function traces(alone: readonly Values[], resumed: Values, ...more: TraceRecord[]): readonly Trace[] {
  const [begin = {}, ...steps] = alone;
  return [
    trace(
      1,
      false,
      look('began', 0, begin),
      ...steps.map((values, at) => look('stepped', at + 1, values)),
      ...more,
    ),
    trace(2, true, look('set-up', 0, begin, true), look('began', 4, resumed, true)),
  ];
}

const counting = [0, 1, 2, 3, 4, 5].map((calls): Values => ({ calls: String(calls) }));

describe('diagnose', () => {
  it('names a variable that training changes and a resume loses, with its line', () => {
    const { component, step, hint } = diagnose({
      divergence,
      traces: traces(counting, { calls: '0' }),
      program: { code },
    });
    expect(component).toBe('variable `calls` (train.ts:2), outside of `state`');
    expect(step).toBe(5);
    expect(hint).toContain('`calls` was 4 in the run that was left alone and is 0 after the resume');
  });

  it('looks at the process that differed, and at no other', () => {
    const others = [
      ...traces(counting, { calls: '4' }),
      trace(3, true, look('began', 2, { calls: '0' }, true)),
    ];
    expect(diagnose({ divergence, traces: others, program: { code } }).component).toBe('the metric `loss`');
    const afresh = { ...divergence, resumedFromStep: null };
    expect(
      diagnose({ divergence: afresh, traces: traces(counting, { calls: '0' }), program: { code } }).component,
    ).toBe('the metric `loss`');
  });

  it('advises to save an object of the program as itself', () => {
    const alone = counting.map(({ calls = '' }): Values => ({ 'reader.next': calls }));
    const { hint } = diagnose({
      divergence,
      traces: traces(alone, { 'reader.next': '0' }),
      program: { code },
    });
    expect(hint).toContain('Or give `reader` a `save` and a `load`, and return it in `state` itself.');
  });

  it('names what a step asked of the machine, and tells what else was seen', () => {
    const clock: TraceRecord = {
      kind: 'call',
      source: 'Date.now',
      phase: 'step',
      places: [placeOf('Date.now', 1)],
    };
    const atImport: TraceRecord = {
      kind: 'call',
      source: 'Date.now',
      phase: 'importing',
      places: [placeOf('Date.now')],
    };
    const { component, hint } = diagnose({
      divergence,
      traces: traces([], {}, atImport, clock),
      program: { code },
    });
    expect(component).toBe('`Date.now` at train.ts:5, in `step`');
    expect(hint).toMatch(
      /`cosine`.*Also looked at: `Date\.now` at train\.ts:1, while the program is imported\.$/,
    );
  });

  it('prefers what was lost for certain to what was merely asked', () => {
    const chance: TraceRecord = {
      kind: 'call',
      source: 'crypto.randomBytes',
      phase: 'step',
      places: [placeOf('calls +=')],
    };
    const { component, hint } = diagnose({
      divergence,
      traces: traces(counting, { calls: '0' }, chance),
      program: { code },
    });
    expect(component).toContain('`calls`');
    expect(hint).toContain('Also looked at: `crypto.randomBytes`');
  });

  it('tells values that were made otherwise from those that were forgotten', () => {
    const made = counting.map(() => ({ origin: '17' }));
    const atImport: TraceRecord = {
      kind: 'call',
      source: 'Date.now',
      phase: 'importing',
      places: [placeOf('Date.now')],
    };
    const { component, hint } = diagnose({
      divergence,
      traces: traces(made, { origin: '90' }, atImport),
      program: { code },
    });
    expect(component).toBe('`Date.now` at train.ts:1, while the program is imported');
    expect(hint).toContain('`origin`, is 17 in one process and 90 in the other');
  });

  it('knows state that saves itself: another order, another value', () => {
    const state: TraceRecord = { kind: 'state', kinds: { vocabulary: 'Stateful' } };
    const map = (text: string): Values => ({
      'vocabulary.#words': { text, sorted: text.split('').toSorted().join('') },
    });
    const alone = [map(''), map('b'), map('ba'), map('bac'), map('bacd'), map('bacde')];
    const told = (resumed: Values): string =>
      diagnose({ divergence, traces: traces(alone, resumed, state), program: { code } }).component;
    expect(told(map('abcd'))).toBe('the order of `#words` in your Stateful `vocabulary`');
    expect(told(map('bac'))).toBe('`#words` of your Stateful `vocabulary`');
  });

  it.each([
    ['generator', 'batches.position', /^the position of the generator `batches`$/],
    ['layer', 'noise.seed', /^`seed` of the layer `noise`, outside of `state`$/],
    ['optimizer', 'optimizer', /^the optimizer in `optimizer`, which is replaced during training$/],
    [
      'recurrent',
      'model.lstm.states[0]',
      /^the states of the recurrent layer `lstm`, which are not in `state`$/,
    ],
  ] as const)('knows what cannot stand beside state: %s', (part, name, component) => {
    const alone = [0, 1, 2, 3, 4].map((at): Values => ({ [name]: { text: String(at), part } }));
    const found = traces(alone, { [name]: { text: '0', part } });
    expect(diagnose({ divergence, traces: found, program: { code } }).component).toMatch(component);
  });

  it('blames `load` where what was saved comes back as something else', () => {
    const state: TraceRecord = { kind: 'state', kinds: { reader: 'Stateful', model: 'model' } };
    const restored = { ...divergence, kind: 'restored-state', component: 'reader.position' } as const;
    const told = diagnose({ divergence: restored, traces: traces([], {}, state), program: { code } });
    expect(told.component).toBe('`position` of your Stateful `reader`');
    expect(told.hint).toContain('`load` does not bring it back');
  });

  it('names the variable over which training was refused', () => {
    const message =
      '`ema/kernel [3, 4]` changed in training, but is not in the `state` of the program: a resume would lose it.';
    const leftAlone = { after: '', resumedFromStep: null };
    const refused = divergenceOfFailure({ cause: 'user', message, step: 5 }, leftAlone);
    const told = diagnose({ divergence: refused, traces: [], program: { code } });
    expect(told.component).toBe('tensor `ema/kernel`, which is not in `state`');
    expect(told.hint).toContain('state: { …, ema }');
  });

  it('tells what a program that fails after a resume has no more, and its own hint', () => {
    const failure = { cause: 'user', message: 'no `words`', hint: 'Load the words.', step: 4 } as const;
    const broken = divergenceOfFailure(failure, divergence);
    const told = (alone: readonly Values[], resumed: Values): { component: string; hint: string } =>
      diagnose({ divergence: broken, traces: traces(alone, resumed), program: { code } });
    const alone = told([], {});
    expect(alone.component).toBe('the program, which fails');
    expect(alone.hint).toMatch(/^Load the words\. Left alone it goes on\..*It said: no `words`$/);
    const made = told(
      counting.map(() => ({ origin: '[1]', calls: '7' })),
      { origin: 'undefined', calls: '8' },
    );
    expect(made.component).toBe('variable `origin` (train.ts:1), which is another one after a resume');
    expect(made.hint).toMatch(
      /^Load the words\. `origin` was \[1\].*Also looked at: the program, which fails\.$/,
    );
    expect(told(counting, { calls: '0' }).component).toBe(
      'variable `calls` (train.ts:2), outside of `state`',
    );
    const refused = divergenceOfFailure(
      { ...failure, cause: 'incompatible', differences: ['`adam`'] },
      divergence,
    );
    expect(diagnose({ divergence: refused, traces: [], program: { code } }).component).toBe('adam');
  });

  it('names the file that a program writes and reads again, with both lines', () => {
    const file = (sourceName: string, path: string, isWritten: boolean, text: string): TraceRecord => ({
      kind: 'file',
      source: sourceName,
      phase: isWritten ? 'step' : 'setup',
      places: [placeOf(text)],
      path,
      isWritten,
    });
    const notes = [
      file('fs.readFileSync', '/data/corpus.txt', false, 'Date.now'),
      file('fs.existsSync', '/data/count.txt', false, 'Date.now'),
      file('fs.readFileSync', '/data/count.txt', false, 'calls ='),
      file('fs.writeFileSync', '/data/count.txt', true, 'calls +='),
      file('fs.appendFileSync', '/data/log.txt', true, 'calls +='),
    ];
    const { component, hint } = diagnose({
      divergence,
      traces: traces([], {}, ...notes),
      program: { code },
    });
    expect(component).toBe(
      '`fs.readFileSync` at train.ts:2, in `setup`, of the file `count.txt`, which the program itself writes',
    );
    expect(hint).toMatch(/^It is written at train\.ts:5 and is no part of a checkpoint/);
    expect(hint).not.toContain('Also');
    const anew = [
      { ...file('fs.writeFileSync', '/data/a.txt', true, 'calls ='), phase: 'setup' } as const,
      file('fs.readFileSync', '/data/a.txt', false, 'calls ='),
    ];
    const told = (notes: readonly TraceRecord[]): string =>
      diagnose({ divergence, traces: traces([], {}, ...notes), program: { code } }).component;
    expect(told(anew)).toBe('the metric `loss`');
    expect(told(anew.toReversed())).toContain('of the file `a.txt`');
  });

  it.each(['refused', 'restored-state', 'examples', 'metric', 'evaluation', 'state', 'length'] as const)(
    'says what differs where nothing explains it: %s',
    (kind) => {
      const { component, hint } = diagnose({
        divergence: { ...divergence, kind },
        traces: [],
        program: { code: '' },
      });
      expect(component).not.toBe('');
      expect(hint.length).toBeGreaterThan(20);
    },
  );
});

describe('programSource', () => {
  it('maps places of the bundle to lines of the source', () => {
    expect(programSource(code).placeOf([placeOf('calls +=')])).toBe('train.ts:5');
  });

  it('finds declarations, also of variables that the bundler renamed', () => {
    expect(programSource(code).declarationOf('calls')).toBe('train.ts:2');
    expect(programSource(code).declarationOf('calls2')).toBe('train.ts:2');
    expect(programSource(code).declarationOf('absent')).toBeUndefined();
  });

  it('knows nothing of a program without its map', () => {
    expect(programSource('export default 1').placeOf([{ line: 1, column: 1 }])).toBeUndefined();
  });
});
