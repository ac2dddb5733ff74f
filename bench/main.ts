/** `npm run bench`: measures what the product promises and tells it. A goal that is not met is no failure; a fault is. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { defined } from '../lib/base/assert.ts';
import { systemClock } from '../lib/base/clock.ts';
import { messageOf, UsageError } from '../lib/base/errors.ts';
import { packageFile } from '../lib/base/package-files.ts';
import { exitCodes } from '../lib/contract/exit-codes.ts';
import { benchArguments, type BenchArguments, usage } from './arguments.ts';
import { judge } from './harness/judge.ts';
import { thisMachine } from './harness/machine.ts';
import { notInTime, runSubject, type SubjectReport } from './harness/run-subject.ts';
import { besideOthers, subjects } from './harness/subjects.ts';
import type { BenchDocument } from './report/document.ts';
import { markdownTable } from './report/markdown.ts';
import { writeDocs } from './report/write-docs.ts';

/** Fewer runs have no median worth the name. */
const runs = 5;

/** All of a quick run: it ends within a minute, building and the ends of processes included. */
const quickMs = 57_000;
/** One subject of a full run: who takes longer hangs. */
const subjectMs = 20 * 60_000;
/** Subjects side by side in a quick run: each of them keeps a core busy, and the smallest machine has two. */
const lanes = 2;
/** No subject is done in less. */
const subjectMsMin = 500;

const entry = join(import.meta.dirname, 'subject-process.js');
const say = (text: string): void => void process.stderr.write(`${text}\n`);

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  say([error.message, error.hint].filter((line) => line !== undefined).join('\n'));
  process.exitCode = exitCodes.usage;
}

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

/** @throws UsageError where the file cannot be read */
function told(file: string): Told {
  try {
    return { document: JSON.parse(readFileSync(file, 'utf8')), failures: [] };
  } catch (error) {
    throw new UsageError(`--from names no report that can be read: ${messageOf(error)}`, { cause: error });
  }
}

async function measured({ isQuick, only, traces, spentMs }: BenchArguments): Promise<Told> {
  const ids = await wanted(only);
  const reports = new Map<string, SubjectReport>();
  const startedMs = systemClock.monotonicMs();
  const measureOne = async (subject: string): Promise<void> => {
    const beganMs = systemClock.monotonicMs();
    const limitMs = isQuick ? Math.max(0, quickMs - spentMs - (beganMs - startedMs)) : subjectMs;
    const report =
      limitMs < subjectMsMin
        ? await leftOut(subject, limitMs)
        : await runSubject(entry, { subject, isQuick, runs, traces, limitMs });
    reports.set(subject, report);
    say(`${subject}: ${secondsSince(beganMs)} s`);
  };
  // A full run has time to leave the machine to each of them.
  const aside = isQuick ? besideOthers.filter((id) => ids.includes(id)) : [];
  await inLanes(aside, measureOne);
  for (const subject of ids) if (!aside.includes(subject)) await measureOne(subject);
  say(`all: ${secondsSince(startedMs)} s`);
  const measuredOnes = ids.map((subject) => ({
    subject,
    report: defined(reports.get(subject), 'it was measured'),
  }));
  const results = measuredOnes.flatMap(({ subject, report }) =>
    report.results.filter(({ id }) => isWanted(only, subject, id)),
  );
  const at = systemClock.now().toISOString();
  return {
    document: { schemaVersion: 1, at, quick: isQuick, machine: thisMachine(), results },
    failures: measuredOnes.flatMap(({ report }) => report.failure ?? []),
  };
}

function secondsSince(beganMs: number): string {
  return ((systemClock.monotonicMs() - beganMs) / 1_000).toFixed(1);
}

async function inLanes(ids: readonly string[], act: (id: string) => Promise<void>): Promise<void> {
  const left = [...ids];
  const lane = async (): Promise<void> => {
    for (let id = left.shift(); id !== undefined; id = left.shift()) await act(id);
  };
  await Promise.all(Array.from({ length: lanes }, lane));
}

async function leftOut(subject: string, limitMs: number): Promise<SubjectReport> {
  const load = subjects[subject];
  const rows = load === undefined ? [] : (await load()).rows;
  return { results: rows.map((row) => judge(row, { why: notInTime(limitMs) })) };
}

/**
 * Subjects that hold one of the wanted rows; all where nothing is said.
 * @throws UsageError where nothing has such an id
 */
async function wanted(only: readonly string[]): Promise<readonly string[]> {
  if (only.length === 0) return Object.keys(subjects);
  const known = await Promise.all(
    Object.entries(subjects).map(async ([subject, load]) => {
      const { rows } = await load();
      return { subject, rows: rows.map(({ id }) => id) };
    }),
  );
  const unknown = only.filter(
    (id) => !known.some(({ subject, rows }) => subject === id || rows.includes(id)),
  );
  if (unknown.length > 0)
    throw new UsageError(`there is no row or subject ${unknown.join(', ')}.`, {
      hint: `Subjects with their rows:\n${known.map(({ subject, rows }) => `  ${subject}: ${rows.join(', ')}`).join('\n')}`,
    });
  return known
    .filter(({ subject, rows }) => only.includes(subject) || rows.some((id) => only.includes(id)))
    .map(({ subject }) => subject);
}

function isWanted(only: readonly string[], subject: string, id: string): boolean {
  return only.length === 0 || only.includes(subject) || only.includes(id);
}
