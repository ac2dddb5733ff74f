/** `npm run bench`: measures what the product promises and tells it. A goal that is not met is no failure; a fault is. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '../lib/base/clock.ts';
import { packageFile } from '../lib/base/package-files.ts';
import { benchArguments, type BenchArguments, usage } from './arguments.ts';
import { type BenchResult, judge } from './harness/judge.ts';
import { thisMachine } from './harness/machine.ts';
import { notInTime, runSubject, type SubjectReport } from './harness/run-subject.ts';
import { subjects } from './harness/subjects.ts';
import type { BenchDocument } from './report/document.ts';
import { markdownTable } from './report/markdown.ts';
import { writeDocs } from './report/write-docs.ts';

/** Fewer runs have no median worth the name. */
const runs = 5;

/** All of a quick run: it ends within a minute, building included. */
const quickMs = 54_000;
/** One subject of a full run: who takes longer hangs. */
const subjectMs = 20 * 60_000;
/** No subject is done in less. */
const subjectMsMin = 500;

const say = (text: string): void => void process.stderr.write(`${text}\n`);

process.exitCode = await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<number> {
  if (args.includes('--help')) {
    process.stdout.write(usage);
    return 0;
  }
  const asked = benchArguments(args, process.env);
  const { document, failures } = asked.from === undefined ? await measured(asked) : told(asked.from);
  if (asked.json) process.stdout.write(`${JSON.stringify(document, null, 2)}\n`);
  else process.stdout.write(`${markdownTable(document.results)}\n`);
  if (asked.writeDocs) writeDocs(document, packageFile('docs'));
  for (const failure of failures) say(failure);
  return failures.length === 0 ? 0 : 1;
}

interface Told {
  readonly document: BenchDocument;
  readonly failures: readonly string[];
}

function told(file: string): Told {
  return { document: JSON.parse(readFileSync(file, 'utf8')), failures: [] };
}

async function measured({ isQuick, only, traces }: BenchArguments): Promise<Told> {
  const results: BenchResult[] = [];
  const failures: string[] = [];
  const entry = join(import.meta.dirname, 'subject-process.js');
  const startedMs = systemClock.monotonicMs();
  const order = { isQuick, runs, traces };
  for (const subject of await wanted(only)) {
    const beganMs = systemClock.monotonicMs();
    const limitMs = isQuick ? Math.max(0, quickMs - (beganMs - startedMs)) : subjectMs;
    const report =
      limitMs < subjectMsMin
        ? await leftOut(subject, limitMs)
        : await runSubject(entry, { ...order, subject, limitMs });
    results.push(...report.results.filter(({ id }) => isWanted(only, subject, id)));
    if (report.failure !== undefined) failures.push(report.failure);
    say(`${subject}: ${((systemClock.monotonicMs() - beganMs) / 1_000).toFixed(1)} s`);
  }
  say(`all: ${((systemClock.monotonicMs() - startedMs) / 1_000).toFixed(1)} s`);
  const at = systemClock.now().toISOString();
  return { document: { schemaVersion: 1, at, quick: isQuick, machine: thisMachine(), results }, failures };
}

async function leftOut(subject: string, limitMs: number): Promise<SubjectReport> {
  const load = subjects[subject];
  const rows = load === undefined ? [] : (await load()).rows;
  return { results: rows.map((row) => judge(row, { why: notInTime(limitMs) })) };
}

/** Subjects that hold one of the wanted rows; all where nothing is said. */
async function wanted(only: readonly string[]): Promise<readonly string[]> {
  const found: string[] = [];
  for (const [id, load] of Object.entries(subjects)) {
    const isNamed = only.length === 0 || only.includes(id);
    if (isNamed || (await load()).rows.some((row) => only.includes(row.id))) found.push(id);
  }
  if (found.length === 0) throw new Error(`there is no row or subject ${only.join(', ')}`);
  return found;
}

function isWanted(only: readonly string[], subject: string, id: string): boolean {
  return only.length === 0 || only.includes(subject) || only.includes(id);
}
