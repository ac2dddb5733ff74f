import { mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../lib/base/clock.ts';
import { ConflictError, CorruptionError, UnknownFormatError } from '../../lib/base/errors.ts';
import { seededRandom, systemRandom } from '../../lib/base/random.ts';
import { encodeDocument } from '../../lib/contract/parse-document.ts';
import { locateRegion } from '../../lib/client/locate-region.ts';
import {
  isRegionLive,
  readRegionFile,
  RegionClaim,
  type RegionDocument,
  type RegionFacts,
} from '../../local/region-file.ts';

const ports = { clock: systemClock, random: systemRandom };
const facts: RegionFacts = {
  store: 'file:///somewhere/store',
  queue: 'file:///somewhere/queue',
  heartbeatMs: 1_500,
  visibilityMs: 6_000,
  noticeMs: 12_000,
  openedAt: '2030-01-01T00:00:00.000Z',
};
let dir = '';

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'holdfast-region-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

/** Writes the file as another owner would have. */
async function leave(owner: RegionDocument['owner']): Promise<void> {
  const region: RegionDocument = { format: 1, ...facts, nonce: '0011223344556677', owner };
  writeFileSync(join(dir, 'region.json'), encodeDocument(region));
}

/** The identity by which this process takes a folder. */
async function ownOwner(): Promise<NonNullable<RegionDocument['owner']>> {
  const claim = await RegionClaim.take(dir, facts, ports);
  const owner = (await readRegionFile(dir))?.owner;
  await claim.release();
  return owner ?? expect.fail('a region that is open has an owner');
}

describe('RegionClaim', () => {
  it('tells other processes where the region is, in words that the commands read', async () => {
    const claim = await RegionClaim.take(dir, facts, ports);
    expect(await readRegionFile(dir)).toMatchObject(facts);
    const place = await locateRegion({ dir, cwd: dir, env: {} });
    expect(place).toMatchObject({ store: facts.store, queue: facts.queue, origin: 'local' });
    expect(place.timers).toMatchObject({ heartbeatMs: 1_500, visibilityMs: 6_000 });
    await claim.release();
  });

  it('refuses a folder whose region is open, and names its process', async () => {
    const claim = await RegionClaim.take(dir, facts, ports);
    const second = RegionClaim.take(dir, facts, ports);
    await expect(second).rejects.toThrow(ConflictError);
    await expect(second).rejects.toThrow(new RegExp(`pid=\`${process.pid}\``));
    await claim.release();
  });

  it('lets one of several through that come at the same time', async () => {
    const results = await Promise.allSettled(
      [1, 2, 3, 4].map((seed) => RegionClaim.take(dir, facts, { ...ports, random: seededRandom(seed) })),
    );
    const claims = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
    expect(claims).toHaveLength(1);
    await claims[0]?.release();
  });

  it('leaves a closed region behind that can still be read, and be opened again', async () => {
    const claim = await RegionClaim.take(dir, facts, ports);
    await claim.release();
    const closed = await readRegionFile(dir);
    expect(closed).toMatchObject({ ...facts, owner: null });
    expect(closed && (await isRegionLive(dir, closed, systemClock))).toBe(false);
    expect(readdirSync(dir).toSorted()).toEqual(['locks', 'region.json']);
    await (await RegionClaim.take(dir, facts, ports)).release();
  });

  it('takes over from a process that is gone, though another one has got its number', async () => {
    const owner = await ownOwner();
    await leave({ ...owner, startedAt: '1' });
    await (await RegionClaim.take(dir, facts, ports)).release();
  });

  it('does not take over from its own process', async () => {
    await leave(await ownOwner());
    await expect(RegionClaim.take(dir, facts, ports)).rejects.toThrow(ConflictError);
  });

  it('takes over from a process that it cannot see only when the file is no longer touched', async () => {
    const owner = await ownOwner();
    await leave({ ...owner, space: 'another container' });
    await expect(RegionClaim.take(dir, facts, ports)).rejects.toThrow(ConflictError);
    const before = new Date(systemClock.now().getTime() - 61_000);
    utimesSync(join(dir, 'region.json'), before, before);
    await (await RegionClaim.take(dir, facts, ports)).release();
  });

  it('does not close a region that was taken over meanwhile', async () => {
    const claim = await RegionClaim.take(dir, facts, ports);
    const later = { pid: 1, startedAt: 'x', space: 'another container' };
    await leave(later);
    await claim.release();
    expect((await readRegionFile(dir))?.owner).toEqual(later);
  });

  it('refuses what it cannot read, instead of writing over it', async () => {
    writeFileSync(join(dir, 'region.json'), '{"format": 2}');
    await expect(RegionClaim.take(dir, facts, ports)).rejects.toThrow(UnknownFormatError);
    writeFileSync(join(dir, 'region.json'), '{"format": 1');
    await expect(RegionClaim.take(dir, facts, ports)).rejects.toThrow(CorruptionError);
    expect(readFileSync(join(dir, 'region.json'), 'utf8')).toBe('{"format": 1');
  });
});

describe('readRegionFile', () => {
  it('finds none in a folder without a region', async () => {
    await expect(readRegionFile(dir)).resolves.toBeUndefined();
  });
});
