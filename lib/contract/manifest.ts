import { z } from 'zod';
import { jobIdPattern } from './object-keys.ts';
import { parseDocument } from './parse-document.ts';

export const sha256Schema: z.ZodString = z.string().regex(/^[0-9a-f]{64}$/);

/** Fixed cuts of each file. A reader takes sizes from the manifest; only writers use this number. */
export const chunkBytes: number = 8 * 1024 * 1024;

/**
 * How a chunk's raw bytes are stored: as they are, or as byte planes of four-byte elements, each plane entropy coded (by
 * zlib, or by zstd). Every supported Node.js reads every codec.
 */
export const codecSchema = z.enum(['none', 'planes-zlib', 'planes-zstd']);

export const chunkSchema = z.object({
  key: z.string().min(1),
  /** Of the raw bytes. */
  sha256: sha256Schema,
  /** Raw length. */
  bytes: z.int().nonnegative(),
  codec: codecSchema,
  /** Stored length; equals `bytes` for codec `none`, and is less for every other. */
  stored: z.int().nonnegative(),
});

/** A file path inside a checkpoint: relative, forward slashes, no `.` or `..` segment, so that no manifest can write outside its folder. */
export const checkpointPathSchema = z
  .string()
  .min(1)
  .max(512)
  .refine(
    (path) =>
      path.split('/').every((segment) => segment !== '' && segment !== '.' && segment !== '..') &&
      !/[\\\0]/.test(path),
    'is a relative path without . or ..',
  );

export const manifestFileSchema = z.object({
  path: checkpointPathSchema,
  bytes: z.int().nonnegative(),
  /** SHA-256 over the hexadecimal digests of the chunks. */
  digest: sha256Schema,
  chunks: z.array(chunkSchema),
});

export const runtimeSchema = z.object({
  /** `tensorflow`, `wasm`, `cpu`, or `command` for a level 0 program. */
  backend: z.string(),
  versions: z.record(z.string(), z.string()),
  arch: z.string(),
});

/** What must fit for a resume; a difference is named in words. */
export const compatibilitySchema = z.record(z.string(), z.unknown());

export const saveReasonSchema = z.enum([
  'policy',
  'evaluation',
  'notice',
  'rebalance',
  'pause',
  'handover',
  'operator',
  'end',
  'program',
  'fork',
]);

/** 2 where a codec, an omission or a fork must be understood, else 1, so that an older Holdfast reads what it can. */
export const newestManifestFormat = 2;

export const manifestSchema = z.object({
  format: z.union([z.literal(1), z.literal(newestManifestFormat)]),
  jobId: z.string().regex(jobIdPattern),
  claim: z.int().positive(),
  ordinal: z.int().positive(),
  step: z.int().nonnegative(),
  epoch: z.int().nonnegative(),
  /** Id of the checkpoint that this one was made from or after; null for a job's first. */
  parent: z.string().nullable(),
  reason: saveReasonSchema,
  createdAt: z.iso.datetime(),
  runtime: runtimeSchema,
  compatibility: compatibilitySchema,
  /** Names of `state` that the job leaves out of its checkpoints by its own wish. */
  omitted: z.array(z.string()).exactOptional(),
  files: z.array(manifestFileSchema),
});

export type Codec = z.infer<typeof codecSchema>;
export type Chunk = z.infer<typeof chunkSchema>;
export type ManifestFile = z.infer<typeof manifestFileSchema>;
export type Runtime = z.infer<typeof runtimeSchema>;
export type SaveReason = z.infer<typeof saveReasonSchema>;
export type Manifest = z.infer<typeof manifestSchema>;

/** The oldest format that can say what this manifest says. */
export function manifestFormatOf(
  manifest: Pick<Manifest, 'files' | 'omitted'> & { readonly reason?: SaveReason },
): Manifest['format'] {
  const isCoded = manifest.files.some((file) => file.chunks.some((chunk) => chunk.codec !== 'none'));
  const isNewer = isCoded || (manifest.omitted ?? []).length > 0 || manifest.reason === 'fork';
  return isNewer ? newestManifestFormat : 1;
}

/**
 * Reads a manifest whose digest was compared before.
 * @throws UnknownFormatError, CorruptionError as `parseDocument`
 */
export function parseManifest(bytes: Uint8Array, key: string): Manifest {
  return parseDocument(manifestSchema, bytes, {
    what: 'manifest',
    at: key,
    newestFormat: newestManifestFormat,
  });
}
