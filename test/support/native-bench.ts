import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bundleTestProgram } from './bundle.ts';
import { installBesideNative, nativeBuild } from './native-build.ts';
import { type CopiedCheckpoint, type DriveOptions, TrainerDriver } from './trainer-driver.ts';

/** A host that finds the native backend beside itself, and a folder for what it writes. */
export interface NativeBench {
  readonly dir: string;
  readonly host: string;
  program(name: string): Promise<string>;
  remove(): void;
}

export function nativeBench(): NativeBench {
  const native = nativeBuild();
  if ('missing' in native) throw new Error(native.missing);
  const dir = mkdtempSync(join(tmpdir(), 'holdfast-native-'));
  return {
    dir,
    host: installBesideNative(join(dir, 'instance'), native),
    program: (name) => bundleTestProgram(name, dir),
    remove: () => rmSync(dir, { recursive: true, force: true }),
  };
}

/** Ends identical to `reference` or not: the program goes on in a new process from each of the checkpoints in turn. */
export async function resumedInTurn(
  options: Omit<DriveOptions, 'from'>,
  reference: TrainerDriver,
  fractions: readonly number[],
): Promise<{ readonly result: CopiedCheckpoint; readonly resumedFrom: readonly number[] }> {
  const end = reference.copies.at(-1)?.step ?? 0;
  let from = firstFrom(reference, (fractions[0] ?? 0) * end);
  const resumedFrom = [from.step];
  for (const fraction of fractions.slice(1)) {
    const driver = new TrainerDriver({ ...options, from });
    await driver.saw('staged', () => (driver.copies.at(-1)?.step ?? 0) >= fraction * end);
    await driver.kill();
    from = firstFrom(driver, fraction * end);
    resumedFrom.push(from.step);
  }
  return { result: await new TrainerDriver({ ...options, from }).finish(), resumedFrom };
}

function firstFrom(driver: TrainerDriver, step: number): CopiedCheckpoint {
  const found = driver.copies.find((copy) => copy.step >= step);
  if (found === undefined) throw new Error(`no checkpoint was staged from step ${step} on`);
  return found;
}
