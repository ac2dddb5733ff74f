import { messageOf, remedyOf } from '../base/errors.ts';
import type { Chunk, Manifest } from '../contract/manifest.ts';
import type { CheckpointRecord } from '../journal/job-state.ts';
import { inLanes } from './lanes.ts';
import { readChunk } from './read-chunk.ts';
import { readManifest } from './read-manifest.ts';
import { DamagedObjectError, type DownloadPorts } from './verified-get.ts';

/** What came of reading a checkpoint whole. Only `damaged` says anything about its bytes. */
export type Verdict =
  | { readonly verdict: 'good' }
  /** Objects that are missing or hold other bytes than were committed, each fetched twice. */
  | { readonly verdict: 'damaged'; readonly keys: readonly string[]; readonly why: string }
  /** A time-out, a refusal, or a newer format: no damage, however often it happens. */
  | { readonly verdict: 'unread'; readonly why: string };

export interface VerifiedCheckpoint {
  readonly record: CheckpointRecord;
  readonly verdict: Verdict;
}

export interface VerifyOptions {
  readonly jobId: string;
  readonly records: readonly CheckpointRecord[];
  /** Chunks in flight at once, up to 24 MiB of memory each. @default 8 */
  readonly lanes?: number;
  readonly signal: AbortSignal;
  /** Called with the stored bytes read so far, and all that there are to read; each chunk counts once. */
  readonly onProgress?: ((readBytes: number, totalBytes: number) => void) | undefined;
}

/** Enough to hide the way to S3; beyond that one core that hashes is the limit. */
const defaultVerifyLanes = 8;

/**
 * A store that fails so many objects, each after all its retries, is away: to try the rest would take hours and could say
 * nothing more.
 */
const unreadMax = 8;

type Finding = { readonly kind: 'damaged' | 'unread'; readonly why: string };

/**
 * Reads every chunk of these checkpoints and compares it with its digest; each chunk once, however many of them share it.
 * Holds the manifests and as many chunks as there are lanes. What is damaged, and what could not be read, is an answer and
 * no error. A checkpoint may be dropped while it is read: the caller looks at the journal again before it blames anybody.
 * @throws the signal's reason
 */
export async function verifyCheckpoints(
  ports: DownloadPorts,
  options: VerifyOptions,
): Promise<readonly VerifiedCheckpoint[]> {
  const { jobId, records, lanes = defaultVerifyLanes, signal, onProgress } = options;
  const findings = new Map<string, Finding>();
  let unread = 0;
  const examine = async (key: string, read: () => Promise<unknown>): Promise<void> => {
    if (unread >= unreadMax) {
      findings.set(key, { kind: 'unread', why: 'the store had failed too often by then' });
      return;
    }
    try {
      await read();
    } catch (error) {
      signal.throwIfAborted();
      const finding = findingOf(error);
      if (finding.kind === 'unread') unread++;
      findings.set(key, finding);
    }
  };
  const manifests = new Map<string, Manifest>();
  const chunks = new Map<string, Chunk>();
  await inLanes({ lanes, signal }, async (manifestLanes) => {
    const collect = async (record: CheckpointRecord): Promise<void> => {
      const manifest = await readManifest(ports, { jobId, record, signal: manifestLanes.signal });
      manifests.set(record.id, manifest);
      for (const chunk of chunksOf(manifest)) chunks.set(factsOf(chunk), chunk);
    };
    await Promise.all(
      records.map((record) => manifestLanes.run(() => examine(record.manifest.key, () => collect(record)))),
    );
  });
  const totalBytes = [...chunks.values()].reduce((sum, { stored }) => sum + stored, 0);
  let readBytes = 0;
  onProgress?.(readBytes, totalBytes);
  await inLanes({ lanes, signal }, async (chunkLanes) => {
    const read = async (facts: string, chunk: Chunk): Promise<void> => {
      await examine(facts, () => readChunk(ports, chunk, chunkLanes.signal));
      readBytes += chunk.stored;
      onProgress?.(readBytes, totalBytes);
    };
    await Promise.all([...chunks].map(([facts, chunk]) => chunkLanes.run(() => read(facts, chunk))));
  });
  return records.map((record) => ({
    record,
    verdict: verdictOf(record, manifests.get(record.id), findings),
  }));
}

/** Manifests that disagree about one key are judged one by one: only one of them can be right. */
function factsOf({ key, bytes, stored }: Chunk): string {
  return `${key} ${stored} ${bytes}`;
}

function chunksOf({ files }: Manifest): readonly Chunk[] {
  return files.flatMap((file) => file.chunks);
}

function findingOf(error: unknown): Finding {
  const remedy = remedyOf(error);
  if (error instanceof DamagedObjectError || remedy === 'fall-back') {
    return { kind: 'damaged', why: messageOf(error) };
  }
  if (remedy === 'crash') throw error;
  return { kind: 'unread', why: messageOf(error) };
}

function verdictOf(
  record: CheckpointRecord,
  manifest: Manifest | undefined,
  findings: ReadonlyMap<string, Finding>,
): Verdict {
  const ofManifest = findings.get(record.manifest.key);
  const found = [
    ...(ofManifest === undefined ? [] : [{ key: record.manifest.key, ...ofManifest }]),
    ...(manifest === undefined ? [] : chunksOf(manifest)).flatMap((chunk) => {
      const finding = findings.get(factsOf(chunk));
      return finding === undefined ? [] : [{ key: chunk.key, ...finding }];
    }),
  ];
  const damaged = found.filter(({ kind }) => kind === 'damaged');
  const [first] = damaged;
  if (first !== undefined) {
    return { verdict: 'damaged', keys: [...new Set(damaged.map(({ key }) => key))], why: first.why };
  }
  const [unread] = found;
  return unread === undefined ? { verdict: 'good' } : { verdict: 'unread', why: unread.why };
}
