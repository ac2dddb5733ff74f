import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { unlessMissing } from '../../lib/base/file-errors.ts';
import type { Clock } from '../../lib/base/clock.ts';
import type { CommandProgram } from '../../lib/contract/job-spec.ts';

type Rules = CommandProgram['checkpoints'];

export interface FoundFile {
  /** Relative to the checkpoints folder, so that a restore puts everything back under its own name. */
  readonly path: string;
  readonly bytes: number;
  readonly modifiedMs: number;
}

/** A checkpoint that a program has written and will not touch again. */
export interface FoundCheckpoint {
  readonly name: string;
  readonly step: number;
  readonly files: readonly FoundFile[];
}

/** Looks for complete checkpoints in the folder of a program that does not tell when it has written one. */
export class CheckpointFolder {
  readonly #dir: string;
  readonly #rules: Rules;
  readonly #clock: Clock;
  readonly #matches: RegExp;
  /** Since when each candidate looks as it looks. */
  readonly #seen = new Map<string, { readonly look: string; readonly sinceMs: number }>();

  constructor(dir: string, rules: Rules, clock: Clock) {
    this.#dir = dir;
    this.#rules = rules;
    this.#clock = clock;
    this.#matches = globToRegExp(rules.match);
  }

  /** Every complete checkpoint, by ascending step. */
  async scan(): Promise<readonly FoundCheckpoint[]> {
    const found: FoundCheckpoint[] = [];
    // A program may empty its output folder by removing it.
    for (const name of (await unlessMissing(readdir(this.#dir))) ?? []) {
      const step = this.#matches.test(name) ? stepOf(name, this.#rules.step) : undefined;
      if (step === undefined) continue;
      const files = await listFiles(this.#dir, name);
      if (files.length > 0 && this.#isComplete(name, files)) found.push({ name, step, files });
    }
    return found.toSorted((a, b) => a.step - b.step);
  }

  #isComplete(name: string, files: readonly FoundFile[]): boolean {
    const { complete } = this.#rules;
    // Written under another name and renamed: whatever stands under this name is whole.
    if (complete.by === 'rename') return true;
    const look = lookOf(files);
    const nowMs = this.#clock.monotonicMs();
    const before = this.#seen.get(name);
    if (before?.look !== look) this.#seen.set(name, { look, sinceMs: nowMs });
    const sinceMs = before?.look === look ? before.sinceMs : nowMs;
    return (
      files.some((file) => file.path === `${name}/${complete.file}`) &&
      nowMs - sinceMs >= complete.unchangedMs
    );
  }
}

/** All that would change if a file were written again. */
export function lookOf(files: readonly FoundFile[]): string {
  return files.map(({ path, bytes, modifiedMs }) => `${path}:${bytes}:${modifiedMs}`).join('\n');
}

/** Files below `dir/name`, or the file itself, sorted by path. Empty when it vanished meanwhile: programs prune their own. */
export async function listFiles(dir: string, name: string): Promise<readonly FoundFile[]> {
  return (await unlessMissing(listExisting(dir, name))) ?? [];
}

async function listExisting(dir: string, name: string): Promise<readonly FoundFile[]> {
  const top = await stat(join(dir, name));
  if (top.isFile()) return [{ path: name, bytes: top.size, modifiedMs: top.mtimeMs }];
  const inside = await readdir(join(dir, name), { recursive: true, withFileTypes: true });
  const paths = inside.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const files = await Promise.all(
    paths.map(async (path) => {
      const { size, mtimeMs } = await stat(path);
      return { path: path.slice(dir.length + 1), bytes: size, modifiedMs: mtimeMs };
    }),
  );
  return files.toSorted((a, b) => (a.path < b.path ? -1 : 1));
}

/** The step in a checkpoint's name: the first group of `pattern`, else the last number. */
export function stepOf(name: string, pattern: string | undefined): number | undefined {
  const digits =
    pattern === undefined ? /(\d+)(?!.*\d)/.exec(name)?.[1] : new RegExp(pattern).exec(name)?.[1];
  return digits === undefined || !/^\d{1,15}$/.test(digits) ? undefined : Number(digits);
}

/** `*` and `?` within one path segment; everything else stands for itself. */
export function globToRegExp(glob: string): RegExp {
  const escaped = glob.replace(/[.+^${}()|[\]\\]/g, String.raw`\$&`);
  // Stars in a row mean one: each of them would try every length, and the worker would wait for all combinations.
  return new RegExp(`^${escaped.replace(/\*+/g, '[^/]*').replace(/\?/g, '[^/]')}$`);
}
