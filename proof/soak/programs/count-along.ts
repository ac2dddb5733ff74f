/**
 * A program that knows nothing of Holdfast: it counts, keeps a sum that depends on every count, writes a folder under another
 * name and renames it, and goes on from the newest folder that it finds.
 */
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '../../../lib/base/clock.ts';

const [steps = 90, every = 12, stepMs = 12, seed = 1] = process.argv.slice(2).map(Number);
const dir = process.env['HOLDFAST_CHECKPOINTS'] ?? 'checkpoints';
const pattern = /^checkpoint-(\d+)$/;

const newest = readdirSync(dir)
  .flatMap((name) => pattern.exec(name)?.[1] ?? [])
  .map(Number)
  .toSorted((one, other) => other - one)[0];
let { step, sum } =
  newest === undefined
    ? { step: 0, sum: seed }
    : (JSON.parse(readFileSync(join(dir, `checkpoint-${newest}`, 'state.json'), 'utf8')) as {
        step: number;
        sum: number;
      });

while (step < steps) {
  step++;
  sum = (sum * 31 + step) % 1_000_003;
  await systemClock.sleep(stepMs);
  if (step % every === 0 || step === steps) save();
}

function save(): void {
  const name = `checkpoint-${step}`;
  const unfinished = join(dir, `.${name}`);
  rmSync(unfinished, { recursive: true, force: true });
  mkdirSync(unfinished);
  writeFileSync(join(unfinished, 'state.json'), JSON.stringify({ step, sum }));
  if (!readdirSync(dir).includes(name)) renameSync(unfinished, join(dir, name));
}
