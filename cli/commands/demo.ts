import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { exitCodes } from '../../lib/contract/exit-codes.ts';
import type { Command } from '../context.ts';
import { demoTimeoutMs } from '../demo/demo-plan.ts';
import { LiveDisplay } from '../demo/live-display.ts';
import { renderReport } from '../demo/report.ts';
import { runDemo } from '../demo/run-demo.ts';
import type { DemoInput } from '../inputs.ts';

/** `holdfast demo`: a real job loses its machine three times; exit 0 only if it ends bit-identical to the same job left alone. */
export const demo: Command<DemoInput> = async (context, { keep }) => {
  const { terminal, clock, cwd, options } = context;
  const interrupted = context.untilInterrupted();
  const signal = AbortSignal.any([interrupted, AbortSignal.timeout(demoTimeoutMs)]);
  const dir =
    options.dir === undefined ? await mkdtemp(join(tmpdir(), 'holdfast-demo-')) : resolve(cwd, options.dir);
  const display = new LiveDisplay(terminal, clock);
  let isIdentical = false;
  try {
    const { result, comparison } = await runDemo({ context, display, dir, signal });
    if (terminal.json) terminal.printJson(result);
    else for (const line of renderReport(result, comparison, terminal.colors)) terminal.print(line);
    isIdentical = result.identical;
    return isIdentical ? exitCodes.ok : exitCodes.checkFailed;
  } finally {
    display.end();
    // What went wrong is kept to be looked into; what went well, or was broken off, is not.
    const isWanted = keep || options.dir !== undefined || !(isIdentical || interrupted.aborted);
    if (!isWanted) await rm(dir, { recursive: true, force: true });
    else terminal.suggest(`Everything lies in ${dir}: objects in store/, the workers' logs in instances/.`);
  }
};
