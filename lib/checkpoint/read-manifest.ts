import { CorruptionError } from '../base/errors.ts';
import { shorten } from '../base/shorten.ts';
import { type Manifest, parseManifest } from '../contract/manifest.ts';
import type { DocumentRef } from '../contract/journal-entry.ts';
import { parseCheckpointId } from '../contract/object-keys.ts';
import { checkManifest } from './check-manifest.ts';
import { type DownloadPorts, verifiedGet } from './verified-get.ts';

export interface ManifestToRead {
  readonly jobId: string;
  /** Record in the journal that vouches for it. */
  readonly record: { readonly id: string; readonly manifest: DocumentRef };
  readonly signal: AbortSignal;
}

/**
 * The manifest that the journal vouches for: its digest first, then its meaning.
 * @throws CorruptionError when it is missing, holds other bytes, is no manifest, or contradicts itself
 * @throws UnknownFormatError when a newer Holdfast wrote it; that is no damage
 */
export async function readManifest(ports: DownloadPorts, wanted: ManifestToRead): Promise<Manifest> {
  const { jobId, record, signal } = wanted;
  const { key, sha256 } = record.manifest;
  const body = await verifiedGet(ports, { what: 'manifest', key, sha256, signal });
  const manifest = parseManifest(body, key);
  const name = parseCheckpointId(record.id);
  const faults =
    name === undefined ? [`${record.id} names no checkpoint`] : checkManifest(manifest, { jobId, name });
  if (faults.length > 0) {
    throw new CorruptionError(`manifest contradicts itself: ${shorten(faults.join('; '), 1_000)}.`, {
      facts: { key },
    });
  }
  return manifest;
}
