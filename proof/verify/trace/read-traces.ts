import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { unlessMissing } from '../../../lib/base/file-errors.ts';
import { type Seen, type TraceRecord, traceRecordSchema } from './trace-record.ts';

export type TracedCall = Extract<TraceRecord, { kind: 'call' }>;

export type TracedFile = Extract<TraceRecord, { kind: 'file' }>;

/** What the program's functions saw outside of its state at one instant. */
export interface TracedLook {
  readonly when: Extract<TraceRecord, { kind: 'outside' }>['when'];
  /** Completed steps. */
  readonly step: number;
  readonly values: ReadonlyMap<string, Seen>;
}

/** The notes of one process. */
export interface Trace {
  readonly number: number;
  readonly disturbed: boolean;
  readonly resumed: boolean;
  /** Of the entries of `state`. */
  readonly kinds: Readonly<Record<string, string>>;
  readonly calls: readonly TracedCall[];
  readonly files: readonly TracedFile[];
  readonly looks: readonly TracedLook[];
}

/** The notes of all processes of a folder, in the order in which they were prepared. A line that a kill cut short is left out. */
export async function readTraces(dir: string): Promise<readonly Trace[]> {
  const all = (await unlessMissing(readdir(dir))) ?? [];
  const names = all.filter((name) => /^trace-\d+\.ndjson$/.test(name));
  const texts = await Promise.all(names.map((name) => readFile(join(dir, name), 'utf8')));
  return texts.map(traceOf).toSorted((one, other) => one.number - other.number);
}

/** @param text the lines of one process */
export function traceOf(text: string): Trace {
  const records = text
    .split('\n')
    .slice(0, -1)
    .map((line) => traceRecordSchema.parse(JSON.parse(line)));
  const looks: TracedLook[] = [];
  let values: ReadonlyMap<string, Seen> = new Map();
  for (const record of records) {
    if (record.kind !== 'outside') continue;
    const { when, step, gone } = record;
    values = new Map([...values, ...Object.entries(record.values)].filter(([name]) => !gone.includes(name)));
    looks.push({ when, step, values });
  }
  const [process] = records.filter((record) => record.kind === 'process');
  return {
    number: process?.number ?? 0,
    disturbed: process?.disturbed ?? false,
    resumed: records.some((record) => record.kind === 'outside' && record.resumed),
    kinds: Object.assign({}, ...records.map((record) => (record.kind === 'state' ? record.kinds : {}))),
    calls: records.filter((record) => record.kind === 'call'),
    files: records.filter((record) => record.kind === 'file'),
    looks,
  };
}
