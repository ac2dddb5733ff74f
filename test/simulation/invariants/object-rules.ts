/** What must hold of the bytes that a journal vouches for. */
import { createHash } from 'node:crypto';
import type { JobRecord, NeededObject, RawEntry } from './job-record.ts';

/** The objects as they stand. */
export type Objects = ReadonlyMap<string, Uint8Array>;

interface RawManifest {
  readonly parent: string | null;
  readonly step: number;
  readonly files: ReadonlyArray<{
    readonly chunks: ReadonlyArray<{
      readonly key: string;
      readonly sha256: string;
      readonly bytes: number;
      readonly codec: string;
      readonly stored: number;
    }>;
  }>;
}

export const sha256Of = (body: Uint8Array): string => createHash('sha256').update(body).digest('hex');

/** What a commit rests on, as far as its manifest can be read. */
export function needsOf(
  objects: Objects,
  entry: RawEntry,
): { readonly needs: readonly NeededObject[]; readonly parent: string | null } {
  const ref = entry.manifest;
  if (entry.kind !== 'checkpoint' || ref === undefined) return { needs: [], parent: null };
  const own: NeededObject = { key: ref.key, sha256: ref.sha256, bytes: undefined };
  const body = objects.get(ref.key);
  if (body === undefined || sha256Of(body) !== ref.sha256) return { needs: [own], parent: null };
  const manifest = JSON.parse(new TextDecoder().decode(body)) as RawManifest;
  const chunks = manifest.files.flatMap(({ chunks: list }) =>
    list.map(({ key, sha256, codec, stored }) => ({
      key,
      sha256: codec === 'none' ? sha256 : undefined,
      bytes: stored,
    })),
  );
  return { needs: [own, ...chunks], parent: manifest.parent };
}

/** How an object that is needed is not there, or nothing. */
export function whyMissing(objects: Objects, needed: NeededObject): string | undefined {
  const body = objects.get(needed.key);
  if (body === undefined) return `${needed.key} is not there`;
  if (needed.bytes !== undefined && body.byteLength !== needed.bytes)
    return `${needed.key} has ${body.byteLength} bytes, not ${needed.bytes}`;
  return needed.sha256 !== undefined && sha256Of(body) !== needed.sha256
    ? `${needed.key} holds other bytes`
    : undefined;
}

/** Only what is durable is committed: manifest and every chunk, at the very moment when the entry lands. */
export function commitsWhatIsDurable(
  objects: Objects,
  entry: RawEntry,
  needs: readonly NeededObject[],
): string | undefined {
  if (entry.kind !== 'checkpoint') return undefined;
  const why = needs.flatMap((needed) => whyMissing(objects, needed) ?? []);
  return why.length === 0 ? undefined : `${entry.id} was committed while ${why.join(', ')}`;
}

/** A save re-uses only what its parent's manifest names, and its parent is retained and good when it commits. */
export function reusesOnlyItsParents(
  record: JobRecord,
  entry: RawEntry,
  { needs, parent }: { readonly needs: readonly NeededObject[]; readonly parent: string | null },
): string | undefined {
  if (entry.kind !== 'checkpoint') return undefined;
  const own = `jobs/${record.jobId}/checkpoints/${entry.id}/`;
  const reused = needs.filter(({ key }) => !key.startsWith(own));
  if (reused.length === 0) return undefined;
  const known = parent === null ? undefined : record.known.get(parent);
  const named = new Set(known?.needs.map(({ key }) => key));
  const foreign = reused.filter(({ key }) => !named.has(key));
  if (foreign.length > 0)
    return `${entry.id} names ${foreign.map(({ key }) => key).join(', ')}, which its parent ${parent} does not`;
  const retained = record.find(parent ?? '');
  if (retained === undefined) return `${entry.id} re-uses chunks of ${parent}, which was dropped`;
  return retained.quarantined ? `${entry.id} re-uses chunks of ${parent}, which is quarantined` : undefined;
}

/** Damage is what is damaged: nothing that can be read and is right is given up. */
export function quarantinesOnlyDamage(
  record: JobRecord,
  entry: RawEntry,
  world: { readonly objects: Objects; readonly damagedEver: ReadonlySet<string> },
): string | undefined {
  if (entry.kind !== 'quarantined') return undefined;
  const found = record.find(String(entry.checkpoint));
  if (found === undefined) return undefined;
  const isDamaged = found.needs.some(
    (needed) => world.damagedEver.has(needed.key) || whyMissing(world.objects, needed) !== undefined,
  );
  return isDamaged ? undefined : `${found.id} was quarantined, and is whole: ${entry.why ?? ''}`;
}

/** Whatever a retained checkpoint needs stays, byte for byte, unless the world itself spoilt it. */
export function retainedStays(
  record: JobRecord,
  world: { readonly objects: Objects; readonly damagedEver: ReadonlySet<string> },
  keys: readonly string[],
): string | undefined {
  const touched = new Set(keys);
  for (const { id, needs } of record.retained) {
    for (const needed of needs) {
      if (!touched.has(needed.key) || world.damagedEver.has(needed.key)) continue;
      const why = whyMissing(world.objects, needed);
      if (why !== undefined) return `retained ${id} lost an object: ${why}`;
    }
  }
  return undefined;
}
