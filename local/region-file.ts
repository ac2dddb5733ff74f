import { link, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { ConflictError } from '../lib/base/errors.ts';
import type { Random } from '../lib/base/random.ts';
import { encodeDocument, parseDocument } from '../lib/contract/parse-document.ts';
import { processStart } from './process-tree.ts';

export const regionDocumentSchema = z.object({
  format: z.literal(1),
  store: z.string().min(1),
  queue: z.string().min(1),
  heartbeatMs: z.number().positive(),
  visibilityMs: z.number().positive(),
  noticeMs: z.number().nonnegative(),
  startedAt: z.iso.datetime(),
  /** Tells this region from a later one in the same folder. */
  nonce: z.string().min(8),
  /** Who runs the region; null once it was stopped. The files stay readable without it. */
  owner: z.object({ pid: z.int().positive(), processStart: z.string() }).nullable(),
});

/** `region.json`: where the store and the queue of a local region are, and which process keeps it. */
export type RegionDocument = z.infer<typeof regionDocumentSchema>;

const regionFile = (dir: string): string => join(dir, 'region.json');

/** The region of a folder, running or not; undefined when there has never been one. */
export async function readRegionFile(dir: string): Promise<RegionDocument | undefined> {
  const at = regionFile(dir);
  let bytes: Uint8Array;
  try {
    bytes = await readFile(at);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
  return parseDocument(regionDocumentSchema, bytes, { what: 'local region', at });
}

/** True while the process that keeps the region runs. A later process with the same id does not count. */
export function isRegionLive(region: RegionDocument): boolean {
  return region.owner !== null && processStart(region.owner.pid) === region.owner.processStart;
}

/**
 * Takes the folder for this process. A region that crashed or was stopped is taken over; its store and queue are kept.
 * @throws ConflictError when another process keeps a region there
 */
export async function claimRegionFile(
  dir: string,
  facts: Omit<RegionDocument, 'format' | 'nonce' | 'owner'>,
  random: Random,
): Promise<RegionDocument> {
  const region: RegionDocument = {
    format: 1,
    ...facts,
    nonce: random.hex(8),
    owner: { pid: process.pid, processStart: processStart(process.pid) ?? 'unknown' },
  };
  await mkdir(dir, { recursive: true });
  const before = await readRegionFile(dir);
  if (before !== undefined) {
    if (isRegionLive(before)) throw alreadyRunning(dir, before);
    await removeStale(dir, { stale: before.nonce, nonce: region.nonce });
  }
  // Only one of several that start at the same time creates the file; the others meet it here.
  await createOrRefuse(dir, region);
  return region;
}

/** Says that the region has been stopped; does nothing when another one has taken the folder. */
export async function releaseRegionFile(dir: string, region: RegionDocument): Promise<void> {
  const standing = await readRegionFile(dir);
  if (standing?.nonce !== region.nonce) return;
  const draft = join(dir, `region.json.${region.nonce}`);
  await writeFile(draft, encodeDocument({ ...region, owner: null }));
  await rename(draft, regionFile(dir));
}

/**
 * Moves the old file aside and looks again at what was moved: another process may have taken the folder since it was read.
 * Then its file is put back.
 */
async function removeStale(
  dir: string,
  options: { readonly stale: string; readonly nonce: string },
): Promise<void> {
  const aside = join(dir, `region.json.${options.nonce}`);
  try {
    await rename(regionFile(dir), aside);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return;
    throw error;
  }
  const moved = parseDocument(regionDocumentSchema, await readFile(aside), {
    what: 'local region',
    at: aside,
  });
  if (moved.nonce !== options.stale) {
    await rename(aside, regionFile(dir));
    throw alreadyRunning(dir, moved);
  }
  await rm(aside, { force: true });
}

/** Creates the file whole or not at all: it is written under another name first, and `link` fails where one stands. */
async function createOrRefuse(dir: string, region: RegionDocument): Promise<void> {
  const draft = join(dir, `region.json.${region.nonce}`);
  await writeFile(draft, encodeDocument(region));
  try {
    await link(draft, regionFile(dir));
  } catch (error) {
    if (!hasCode(error, 'EEXIST')) throw error;
    throw alreadyRunning(dir, await readRegionFile(dir));
  } finally {
    await rm(draft, { force: true });
  }
}

function alreadyRunning(dir: string, region: RegionDocument | undefined): ConflictError {
  return new ConflictError('a local region is already running in this folder.', {
    facts: { dir, pid: region?.owner?.pid },
    hint: 'Use it as it is, stop it first (Ctrl-C in its terminal), or choose another folder with --dir.',
  });
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
