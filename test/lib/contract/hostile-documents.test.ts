/** Whatever lies in a store, a queue, a pipe or a file: it is read, or refused by an error that has a name, and nothing else comes of it. */
import * as fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import type { z } from 'zod';
import { HoldfastError, UsageError } from '../../../lib/base/errors.ts';
import { nestingMax, parseJson } from '../../../lib/base/parse-json.ts';
import { parseSetValues } from '../../../lib/client/set-values.ts';
import { commandProgramSchema, jobSpecSchema } from '../../../lib/contract/job-spec.ts';
import { journalEntrySchema, parseEntry } from '../../../lib/contract/journal-entry.ts';
import { checkpointPathSchema, manifestSchema } from '../../../lib/contract/manifest.ts';
import { parseDocument } from '../../../lib/contract/parse-document.ts';
import { logLineSchema, metricPointSchema, parseSegment } from '../../../lib/contract/segments.ts';
import { stepRecordSchema } from '../../../lib/contract/step-record.ts';
import { sweepSchema } from '../../../lib/contract/sweep-document.ts';
import { directJobSchema, ticketSchema } from '../../../lib/contract/ticket.ts';
import { trainerDocumentSchema } from '../../../lib/contract/trainer-document.ts';
import {
  supervisorMessageSchema,
  trainerMessageSchema,
  trainerStartSchema,
} from '../../../lib/contract/trainer-messages.ts';
import { decodePlain } from '../../../lib/training/plain-values.ts';
import { resolveParams } from '../../../lib/training/params.ts';
import { parseLine } from '../../../job/trainer/channel.ts';

const schemas: Readonly<Record<string, z.ZodType>> = {
  ticket: ticketSchema,
  'message that is a job': directJobSchema,
  'job spec': jobSpecSchema,
  'journal entry': journalEntrySchema,
  manifest: manifestSchema,
  'trainer document': trainerDocumentSchema,
  'trainer message': trainerMessageSchema,
  'supervisor message': supervisorMessageSchema,
  'start of a trainer': trainerStartSchema,
  'step record': stepRecordSchema,
  'log line': logLineSchema,
  'metric point': metricPointSchema,
  sweep: sweepSchema,
};

/** Names that objects have by themselves, and those that our documents use. */
const name = fc.oneof(
  fc.constantFrom('__proto__', 'constructor', 'prototype', 'toString', 'valueOf', 'hasOwnProperty', '$', 'v'),
  fc.constantFrom(
    'format',
    'kind',
    'jobId',
    'program',
    'params',
    'state',
    'files',
    'chunks',
    'path',
    'bytes',
  ),
  fc.constantFrom('step', 'epoch', 'metrics', 'slot', 'id', 'inputs', 'command', 'checkpoints', 'name', 'at'),
  fc.string({ maxLength: 8 }),
);
const leaf = fc.oneof(
  fc.constantFrom(
    1,
    2,
    0,
    -1,
    1e308,
    -1e308,
    2 ** 53,
    9e15,
    0.5,
    null,
    true,
    false,
    '',
    'training',
    'command',
  ),
  fc.constantFrom(
    'checkpoint',
    'progress',
    'staging',
    'submitted',
    'claimed',
    'Map',
    'Date',
    'bigint',
    'object',
  ),
  fc.constantFrom('../../etc/passwd', 'a'.repeat(64), '2026-01-01T00:00:00Z', '\u0000', '\u001B[2J', 'NaN'),
  fc.string({ unit: 'binary', maxLength: 12 }),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
);
/** JSON text, written by hand so that it can hold what an object cannot: the same key twice, `__proto__`. */
const hostileJson: fc.Arbitrary<string> = fc.letrec<{ value: string }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 5, withCrossShrink: true },
    leaf.map((value) => JSON.stringify(value)),
    fc.array(fc.tuple(name, tie('value')), { maxLength: 8 }).map(objectText),
    fc.array(tie('value'), { maxLength: 5 }).map((items) => `[${items.join(',')}]`),
  ),
})).value;

function objectText(entries: readonly (readonly [string, string])[]): string {
  return `{${entries.map(([key, value]) => `${JSON.stringify(key)}:${value}`).join(',')}}`;
}

/** A document that has the right members, so that faults are looked for behind them. */
const known: Readonly<Record<string, object>> = {
  ticket: { format: 1, jobId: 'job' },
  'message that is a job': {
    format: 1,
    program: 's3://b/k',
    params: { a: 1 },
    inputs: { train: 's3://b/t' },
  },
  'journal entry': {
    format: 1,
    sequence: 3,
    nonce: '12345678',
    at: '2026-01-01T00:00:00Z',
    claim: 2,
    kind: 'completed',
    checkpoint: '2-1-step5',
    step: 5,
    epoch: 0,
    reason: 'done',
    metrics: { loss: 1 },
  },
  'trainer message': {
    kind: 'progress',
    step: 1,
    epoch: 0,
    example: 4,
    stepMs: 1,
    gapMs: 1,
    metrics: { loss: 0.5 },
  },
  'step record': { kind: 'step', step: 1, epoch: 0, examples: [0, 1], metrics: { loss: '3ff0000000000000' } },
  'metric point': { at: '2026-01-01T00:00:00Z', step: 1, epoch: 0, metrics: { loss: 1 } },
  sweep: { format: 1, program: 'train.ts', grid: { lr: [1, 2] }, set: { units: 8 } },
};

/** Each known document with one of its members replaced, or one more. */
function bent(what: string): fc.Arbitrary<string> {
  const entries = Object.entries(known[what] ?? { format: 1 });
  const members = fc.oneof(name, fc.constantFrom(...entries.map(([key]) => key)));
  return fc
    .tuple(members, hostileJson)
    .map(([key, value]) =>
      objectText([
        ...entries.filter(([one]) => one !== key).map(([one, item]) => [one, JSON.stringify(item)] as const),
        [key, value],
      ]),
    );
}

function mustBeNamed(act: () => unknown): unknown {
  try {
    return act();
  } catch (error) {
    expect(error).toBeInstanceOf(HoldfastError);
    if (error instanceof Error) expect(error.message.length).toBeLessThan(2_000);
    return undefined;
  }
}

/** Own or inherited: nothing may come from where nobody wrote it. */
function mustHaveCleanPrototypes(value: unknown): void {
  if (typeof value !== 'object' || value === null) return;
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== Array.prototype) expect.fail('a prototype of its own');
  for (const item of Object.values(value)) mustHaveCleanPrototypes(item);
}

const ordinary = Object.getOwnPropertyNames(Object.prototype).length;
afterEach(() => {
  expect(Object.getOwnPropertyNames(Object.prototype)).toHaveLength(ordinary);
  expect(Reflect.get({}, 'polluted')).toBeUndefined();
});

const deep = (open: string, close: string, levels: number): string =>
  open.repeat(levels) + close.repeat(levels);

describe.each(Object.entries(schemas))('a hostile %s', (what, schema) => {
  it('is read or refused by name, and gives nobody another prototype', () => {
    const texts = fc.oneof(hostileJson, bent(what), fc.string({ unit: 'binary', maxLength: 40 }));
    fc.assert(
      fc.property(texts, (text) => {
        const read = mustBeNamed(() => parseDocument(schema, text, { what, at: 'here' }));
        mustHaveCleanPrototypes(read);
        const line = parseLine(schema, text);
        if ('why' in line) expect(line.why.length).toBeLessThan(1_000);
      }),
      { numRuns: 60 },
    );
  });

  it('that nests without an end is refused by name', () => {
    const text = `{"format":1,"params":${deep('[', ']', 1e5)}}`;
    expect(() => parseDocument(schema, text, { what, at: 'here' })).toThrow(/is not JSON/);
  });

  it('whose names have no end is refused in a few words', () => {
    const text = JSON.stringify({ format: 1, ['x'.repeat(1e6)]: 1, kind: 'y'.repeat(1e6) });
    mustBeNamed(() => parseDocument(schema, text, { what, at: 'here' }));
  });
});

describe('JSON of others', () => {
  it('is what JSON.parse makes of it, down to the limit', () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        expect(parseJson(text)).toEqual(JSON.parse(text));
      }),
    );
    expect(parseJson('"\\"[[["')).toBe('"[[[');
    expect(JSON.stringify(parseJson(deep('[', ']', nestingMax)))).toBe(deep('[', ']', nestingMax));
    expect(() => parseJson(deep('[', ']', nestingMax + 1))).toThrow(SyntaxError);
  });
});

describe('a path in a checkpoint', () => {
  it('never leads out of the folder that it is restored to', () => {
    const segment = fc.constantFrom(
      '..',
      '.',
      '',
      'a',
      'b.c',
      '~',
      '\\',
      '..\\',
      '\0',
      ' ',
      '...',
      'é',
      '%2e%2e',
    );
    const path = fc.oneof(
      fc.array(segment, { maxLength: 6 }).map((segments) => segments.join('/')),
      fc.string({ unit: 'binary' }),
    );
    fc.assert(
      fc.property(path, (text) => {
        if (!checkpointPathSchema.safeParse(text).success) return;
        const { pathname } = new URL(`file:///root/${text.split('/').map(encodeURIComponent).join('/')}`);
        expect(pathname.startsWith('/root/') && pathname !== '/root/').toBe(true);
        expect(text.split('/')).not.toContain('..');
        expect(text.startsWith('/') || text.includes('\0') || text.includes('\\')).toBe(false);
      }),
      { numRuns: 200 },
    );
  });
});

describe('a segment of a log', () => {
  it('is read or refused by name', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(hostileJson, bent('metric point')), { maxLength: 4 }), (lines) => {
        const bytes = new TextEncoder().encode(lines.join('\n'));
        mustBeNamed(() => parseSegment(metricPointSchema, bytes, 'here'));
      }),
    );
  });
});

describe('parameters from a command line', () => {
  const defaults = { units: 8, name: 'net', optimizer: { beta: 0.9 }, sizes: [1, 2], any: null };

  it('are taken or refused by name, and give nobody another prototype', () => {
    const path = fc.oneof(
      fc.array(name, { minLength: 1, maxLength: 4 }).map((names) => names.join('.')),
      fc.constantFrom('__proto__.polluted', 'constructor.prototype.polluted', 'optimizer.__proto__.polluted'),
      fc.constantFrom('units', 'optimizer', 'optimizer.beta', 'sizes', 'any'),
    );
    fc.assert(
      fc.property(fc.array(fc.tuple(path, hostileJson), { maxLength: 4 }), (set) => {
        const params = mustBeNamed(() =>
          resolveParams(defaults, parseSetValues(Object.fromEntries(set), defaults)),
        );
        if (params === undefined) return;
        expect(Object.keys(Object(params))).toEqual(Object.keys(defaults));
        expect(Reflect.get({}, 'polluted')).toBeUndefined();
      }),
      { numRuns: 200 },
    );
  });

  it('that nest too deep, or whose names do, are refused by name', () => {
    const set = { units: deep('[', ']', 1e5), ['a.'.repeat(1e5)]: '1' };
    for (const [key, text] of Object.entries(set))
      expect(() => resolveParams(defaults, parseSetValues({ [key]: text }, defaults))).toThrow(UsageError);
  });
});

describe('a saved value', () => {
  it('is decoded or refused by name, and gives nobody another prototype', () => {
    fc.assert(
      fc.property(hostileJson, (text) => {
        mustBeNamed(() => decodePlain(JSON.parse(text), () => new Float32Array(1)));
      }),
      { numRuns: 300 },
    );
    const shadowed = '{"$":"Date","v":{"valueOf":1,"toString":1}}';
    expect(() => decodePlain(JSON.parse(shadowed))).toThrow(HoldfastError);
    const key = '{"$":"object","v":[[{"toString":1,"valueOf":1},1]]}';
    expect(() => decodePlain(JSON.parse(key))).toThrow(HoldfastError);
    const own = decodePlain(JSON.parse('{"$":"object","v":[["__proto__",{"polluted":1}]]}'));
    expect(Object.getPrototypeOf(own)).toBe(Object.prototype);
    expect(Object.keys(Object(own))).toEqual(['__proto__']);
  });
});

it('an entry of a newer Holdfast is named as such, however large its number is', () => {
  for (const format of ['3', '1e300', '1e999'])
    expect(() => parseEntry(new TextEncoder().encode(`{"format":${format}}`), 'here')).toThrow(
      /does not know/,
    );
});

it('a pattern for steps that is no regular expression is refused where the spec is read', () => {
  const program = (step: string): unknown => ({
    kind: 'command',
    command: ['train'],
    checkpoints: { match: '*', step, complete: { by: 'rename' } },
  });
  expect(commandProgramSchema.safeParse(program(String.raw`step-(\d+)`)).success).toBe(true);
  for (const step of ['(', '[z-a]', 'a'.repeat(1_000)])
    expect(commandProgramSchema.safeParse(program(step)).success).toBe(false);
});
