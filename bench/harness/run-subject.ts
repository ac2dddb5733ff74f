import { fork } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BenchResult, judge } from './judge.ts';
import type { Finding, Row } from './row.ts';

export interface SubjectOrder {
  readonly subject: string;
  readonly isQuick: boolean;
  readonly runs: number;
  readonly traces?: string | undefined;
  /** It is ended after this. */
  readonly limitMs: number;
}

/** What the process gets. */
export interface PlacedOrder extends SubjectOrder {
  readonly dir: string;
  readonly memoryDir: string;
}

export type SubjectReply =
  | { readonly kind: 'rows'; readonly rows: readonly Row[] }
  | { readonly kind: 'findings'; readonly findings: Readonly<Record<string, Finding>> }
  | { readonly kind: 'failed'; readonly why: string };

export interface SubjectReport {
  readonly results: readonly BenchResult[];
  /** Set when something broke; a goal that is not met is no failure. */
  readonly failure?: string;
}

const killed = 'SIGKILL';
const sharedMemory = '/dev/shm';

/** Why a row of a quick run has no figure. */
export function notInTime(limitMs: number): string {
  return `a quick run had no more than ${(limitMs / 1_000).toFixed(0)} s left for it on this machine`;
}

/** Measures one subject in a process of its own. A process that breaks leaves its rows in the report, with the reason. */
export async function runSubject(entry: string, order: SubjectOrder): Promise<SubjectReport> {
  const dir = mkdtempSync(join(tmpdir(), 'holdfast-bench-'));
  const memoryDir = mkdtempSync(join(existsSync(sharedMemory) ? sharedMemory : tmpdir(), 'holdfast-bench-'));
  try {
    return await runPlaced(entry, { ...order, dir, memoryDir });
  } finally {
    // Here and not there: a process that is killed removes nothing, and memory would stay taken. Its trainer may still write.
    for (const one of [dir, memoryDir]) rmSync(one, { recursive: true, force: true, maxRetries: 5 });
  }
}

async function runPlaced(entry: string, order: PlacedOrder): Promise<SubjectReport> {
  let broken: string | undefined;
  let rows: readonly Row[] = [];
  let findings: Readonly<Record<string, Finding>> | undefined;
  const child = fork(entry, [JSON.stringify(order)], {
    // Only the report goes to the standard output.
    stdio: ['ignore', 2, 2, 'ipc'],
    // Reading the maps takes each process a tenth of a second or more, and a quick run starts some twenty.
    execArgv: order.isQuick ? ['--expose-gc'] : ['--enable-source-maps', '--expose-gc'],
    timeout: Math.ceil(order.limitMs),
    killSignal: killed,
  });
  child.on('message', (reply: SubjectReply) => {
    if (reply.kind === 'rows') rows = reply.rows;
    else if (reply.kind === 'findings') findings = reply.findings;
    else broken = reply.why;
  });
  const end = await new Promise<string>((resolve) => {
    child.on('error', (error) => resolve(error.message));
    // An end is told before the last messages are; this comes after them.
    child.on('close', (code, signal) => resolve(signal ?? `exit code ${code}`));
  });
  // A machine that is slow, or busy with something else, is no fault of what is measured.
  const isCut = findings === undefined && broken === undefined && end === killed && order.isQuick;
  const why = isCut ? notInTime(order.limitMs) : `the measurement broke: ${broken ?? end}`;
  const results = rows.map((row) => judge(row, findings?.[row.id] ?? { why }));
  const missing = rows.filter(({ id }) => findings?.[id] === undefined).map(({ id }) => id);
  if (isCut) return { results };
  if (findings === undefined) return { results, failure: `${order.subject}: ${why}` };
  if (missing.length > 0)
    return { results, failure: `${order.subject}: no finding for ${missing.join(', ')}` };
  return { results };
}
