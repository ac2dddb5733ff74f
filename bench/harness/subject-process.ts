/** One subject, in a process of its own: what one leaves in memory, caches and compiled code must not colour the next. */
import { mkdtempSync, rmSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { messageOf } from '../../lib/base/errors.ts';
import type { SubjectOrder, SubjectReply } from './run-subject.ts';
import { subjects } from './subjects.ts';

const order: SubjectOrder = JSON.parse(process.argv[2] ?? '{}');
const reply = (message: SubjectReply): Promise<void> =>
  new Promise((resolve) => process.send?.(message, () => resolve()));

const sharedMemory = '/dev/shm';
const hasSharedMemory = await stat(sharedMemory).then(
  () => true,
  () => false,
);
const dir = mkdtempSync(join(tmpdir(), 'holdfast-bench-'));
const memoryDir = mkdtempSync(join(hasSharedMemory ? sharedMemory : tmpdir(), 'holdfast-bench-'));
const remove = (): void => {
  for (const one of [dir, memoryDir]) rmSync(one, { recursive: true, force: true });
};
process.on('exit', remove);
process.on('disconnect', () => process.exit(1));

try {
  await measure();
  process.exit(0);
} catch (error) {
  process.stderr.write(
    `${error instanceof Error ? (error.stack ?? error.message).slice(-4_000) : String(error)}\n`,
  );
  await reply({ kind: 'failed', why: messageOf(error) });
  process.exit(1);
}

async function measure(): Promise<void> {
  const load = subjects[order.subject];
  if (load === undefined) throw new Error(`there is no subject ${order.subject}`);
  const subject = await load();
  await reply({ kind: 'rows', rows: subject.rows });
  const findings = await subject.measure({
    isQuick: order.isQuick,
    runs: order.runs,
    traces: order.traces,
    dir,
    memoryDir,
    entry: (name) => join(import.meta.dirname, `${name}.js`),
    say: (text) => void process.stderr.write(`  ${text}\n`),
  });
  await reply({ kind: 'findings', findings });
}
