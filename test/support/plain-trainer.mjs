// A program that knows nothing of Holdfast: counts steps, keeps a sum that depends on all of them, saves every few steps
// by writing a folder under another name and renaming it, and goes on from the newest folder that it finds.
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const [steps = '60', every = '5', stepMs = '5', onSignal = 'none'] = process.argv.slice(2);
const dir = process.env.HOLDFAST_CHECKPOINTS ?? 'checkpoints';
const saved = readdirSync(dir).filter((name) => /^checkpoint-\d+$/.test(name));
const newest = saved.toSorted((a, b) => Number(a.slice(11)) - Number(b.slice(11))).at(-1);
let { step, sum } = newest
  ? JSON.parse(readFileSync(join(dir, newest, 'state.json'), 'utf8'))
  : { step: 0, sum: 1 };
console.log(newest ? `going on from ${newest}` : 'starting afresh');

const save = () => {
  const name = `checkpoint-${step}`;
  rmSync(join(dir, `.${name}`), { recursive: true, force: true });
  mkdirSync(join(dir, `.${name}`));
  writeFileSync(join(dir, `.${name}`, 'state.json'), JSON.stringify({ step, sum }));
  if (!readdirSync(dir).includes(name)) renameSync(join(dir, `.${name}`), join(dir, name));
};
if (onSignal !== 'none') process.on(onSignal, save);

while (step < Number(steps)) {
  step += 1;
  sum = (sum * 31 + step) % 1_000_003;
  await new Promise((resolve) => setTimeout(resolve, Number(stepMs)));
  if (step % Number(every) === 0 || step === Number(steps)) save();
  if (onSignal === 'throw' && step === 7) throw new Error('it broke at step 7');
}
