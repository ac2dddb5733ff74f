import { readFile, rename, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { type Clock, pause } from '../lib/base/clock.ts';
import { makeFolder, writeNewFile } from '../lib/base/durable-files.ts';
import { ConflictError } from '../lib/base/errors.ts';
import { unlessMissing } from '../lib/base/file-errors.ts';
import type { Random } from '../lib/base/random.ts';
import { encodeDocument, parseDocument } from '../lib/contract/parse-document.ts';
import { FileLocks } from '../lib/store/file-locks.ts';
import { isRunning, ownIdentity } from '../lib/store/process-identity.ts';

const regionDocumentSchema = z.object({
  format: z.literal(1),
  store: z.string().min(1),
  queue: z.string().min(1),
  heartbeatMs: z.number().positive(),
  visibilityMs: z.number().positive(),
  noticeMs: z.number().nonnegative(),
  openedAt: z.iso.datetime(),
  /** Tells this region from a later one in the same folder. */
  nonce: z.string().min(8),
  /** The process that keeps the region; null once it was closed. Store and queue can be used without it. */
  owner: z.object({ pid: z.int().positive(), startedAt: z.string(), space: z.string() }).nullable(),
});

/** `region.json`: where the store and the queue of a local region are, and which process keeps it. */
export type RegionDocument = z.infer<typeof regionDocumentSchema>;
export type RegionFacts = Omit<RegionDocument, 'format' | 'nonce' | 'owner'>;

/** The owner touches the file this often, for those who cannot see its process. */
const touchMs = 20_000;
/** An owner in another container, or before the last boot, counts as gone when its file is older. */
const untouchedMsMax = 3 * touchMs;

export interface RegionFilePorts {
  readonly clock: Clock;
  readonly random: Random;
}

/** The region of a folder, open or not; undefined when there has never been one. */
export async function readRegionFile(dir: string): Promise<RegionDocument | undefined> {
  const at = regionFile(dir);
  const bytes = await unlessMissing(readFile(at));
  return bytes && parseDocument(regionDocumentSchema, bytes, { what: 'local region', at });
}

/** True while the process that keeps the region of this folder runs. */
export async function isRegionLive(dir: string, region: RegionDocument, clock: Clock): Promise<boolean> {
  if (region.owner === null) return false;
  const { space } = await ownIdentity();
  if (region.owner.space === space) return isRunning(region.owner);
  const facts = await unlessMissing(stat(regionFile(dir)));
  return facts !== undefined && clock.now().getTime() - facts.mtimeMs <= untouchedMsMax;
}

/** A folder that this process keeps as its local region. */
export class RegionClaim {
  readonly #dir: string;
  readonly #region: RegionDocument;
  readonly #ports: RegionFilePorts;
  readonly #released = new AbortController();
  readonly #touching: Promise<void>;

  private constructor(dir: string, region: RegionDocument, ports: RegionFilePorts) {
    this.#dir = dir;
    this.#region = region;
    this.#ports = ports;
    this.#touching = this.#touch();
  }

  /**
   * Takes the folder. A region that crashed or was closed is taken over, with its store and its queue.
   * @throws ConflictError when a live process keeps a region there
   */
  static async take(dir: string, facts: RegionFacts, ports: RegionFilePorts): Promise<RegionClaim> {
    await makeFolder(dir);
    const owner = await ownIdentity();
    const region: RegionDocument = { format: 1, ...facts, nonce: ports.random.hex(8), owner };
    await whileLocked(dir, ports, async () => {
      const standing = await readRegionFile(dir);
      if (standing !== undefined && (await isRegionLive(dir, standing, ports.clock))) {
        throw alreadyOpen(dir, standing);
      }
      await writeRegionFile(dir, region);
    });
    return new RegionClaim(dir, region, ports);
  }

  /** Says that the region is closed, unless another one has taken the folder. */
  async release(): Promise<void> {
    this.#released.abort();
    await this.#touching;
    await whileLocked(this.#dir, this.#ports, async () => {
      const standing = await readRegionFile(this.#dir);
      if (standing?.nonce === this.#region.nonce) {
        await writeRegionFile(this.#dir, { ...this.#region, owner: null });
      }
    });
  }

  async #touch(): Promise<void> {
    const { clock } = this.#ports;
    while (await pause(clock, touchMs, this.#released.signal)) {
      await unlessMissing(utimes(regionFile(this.#dir), clock.now(), clock.now()));
    }
  }
}

const regionFile = (dir: string): string => join(dir, 'region.json');

async function whileLocked(dir: string, ports: RegionFilePorts, work: () => Promise<void>): Promise<void> {
  const locks = await FileLocks.open(join(dir, 'locks'), ports);
  try {
    await locks.holding('region', work);
  } finally {
    await locks.close();
  }
}

/** Readers see the old file or the new one, never half of it. */
async function writeRegionFile(dir: string, region: RegionDocument): Promise<void> {
  const draft = join(dir, `region.json.${region.nonce}`);
  await writeNewFile(draft, encodeDocument(region));
  await rename(draft, regionFile(dir));
}

function alreadyOpen(dir: string, region: RegionDocument): ConflictError {
  return new ConflictError('a local region is already open in this folder.', {
    facts: { dir, pid: region.owner?.pid },
    hint: 'Use it as it is, stop it first (Ctrl-C in its terminal), or choose another folder with --dir.',
  });
}
