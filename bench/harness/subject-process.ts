/** One subject, in a process of its own: what one leaves in memory, caches and compiled code must not colour the next. */
import { join } from 'node:path';
import { messageOf } from '../../lib/base/errors.ts';
import type { PlacedOrder, SubjectReply } from './run-subject.ts';
import { subjects } from './subjects.ts';

const order: PlacedOrder = JSON.parse(process.argv[2] ?? '{}');
const reply = (message: SubjectReply): Promise<void> =>
  new Promise((resolve) => process.send?.(message, () => resolve()));

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
    dir: order.dir,
    memoryDir: order.memoryDir,
    entry: (name) => join(import.meta.dirname, `${name}.js`),
    say: (text) => void process.stderr.write(`  ${text}\n`),
  });
  await reply({ kind: 'findings', findings });
}
