/**
 * The only place that spells a key. Every prefix that is listed ends in a slash, so that job-1 never sees job-10.
 */
import { assert } from '../base/assert.ts';

/** 1 to 63 of a-z, 0-9 and inner hyphens: fits a key, a host name, a tag and a file name. */
export const jobIdPattern: RegExp = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

/** Names one checkpoint of a job: the claim that wrote it, its ordinal within the claim, its step. */
export interface CheckpointName {
  readonly claim: number;
  readonly ordinal: number;
  readonly step: number;
}

/** `<claim>-<ordinal>-step<step>`, as people type it and as keys spell it. */
export function checkpointIdOf({ claim, ordinal, step }: CheckpointName): string {
  return `${claim}-${ordinal}-step${step}`;
}

/** The name spelled by an id, or undefined. */
export function parseCheckpointId(id: string): CheckpointName | undefined {
  const match = /^(\d{1,15})-(\d{1,15})-step(\d{1,15})$/.exec(id);
  return match === null
    ? undefined
    : { claim: Number(match[1]), ordinal: Number(match[2]), step: Number(match[3]) };
}

const sequenceDigits = 20;
const jobPrefix = (jobId: string): string => {
  assert(jobIdPattern.test(jobId), 'a job id fits its pattern', { jobId });
  return `jobs/${jobId}/`;
};

export const objectKeys = {
  jobs: 'jobs/',
  job: jobPrefix,
  spec: (jobId: string, sequence: number): string => `${jobPrefix(jobId)}spec-${sequence}.json`,
  journal: (jobId: string): string => `${jobPrefix(jobId)}journal/`,
  journalEntry: (jobId: string, sequence: number): string =>
    `${jobPrefix(jobId)}journal/${String(sequence).padStart(sequenceDigits, '0')}.json`,
  stateHint: (jobId: string): string => `${jobPrefix(jobId)}state.json`,
  heartbeat: (jobId: string, claim: number): string => `${jobPrefix(jobId)}heartbeats/${claim}.json`,
  checkpoints: (jobId: string): string => `${jobPrefix(jobId)}checkpoints/`,
  checkpoint: (jobId: string, name: CheckpointName): string =>
    `${jobPrefix(jobId)}checkpoints/${checkpointIdOf(name)}/`,
  manifest: (jobId: string, name: CheckpointName): string =>
    `${jobPrefix(jobId)}checkpoints/${checkpointIdOf(name)}/manifest.json`,
  chunk: (
    jobId: string,
    name: CheckpointName,
    chunk: { readonly sha256: string; readonly codec: string },
  ): string =>
    `${jobPrefix(jobId)}checkpoints/${checkpointIdOf(name)}/${chunk.sha256}${chunk.codec === 'none' ? '' : `.${chunk.codec}`}`,
  logSegments: (jobId: string, claim: number): string => `${jobPrefix(jobId)}logs/${claim}/`,
  logSegment: (jobId: string, claim: number, index: number): string =>
    `${jobPrefix(jobId)}logs/${claim}/${String(index).padStart(8, '0')}.ndjson`,
  metricSegments: (jobId: string, claim: number): string => `${jobPrefix(jobId)}metrics/${claim}/`,
  metricSegment: (jobId: string, claim: number, index: number): string =>
    `${jobPrefix(jobId)}metrics/${claim}/${String(index).padStart(8, '0')}.ndjson`,
  program: (sha256: string): string => `programs/${sha256}/program.mjs`,
  programSourceMap: (sha256: string): string => `programs/${sha256}/program.mjs.map`,
  input: (sha256: string): string => `inputs/${sha256}`,
  probe: (nonce: string): string => `probes/${nonce}`,
  /** What instances bring along to run jobs at all; belongs to no job. */
  runtime: 'runtime/',
  runtimeArchives: (recipeSha256: string): string => `runtime/archives/${recipeSha256}/`,
  /** GPU code that the driver compiled; `name` says for which driver, GPU and library. */
  ptxCache: (name: string): string => `runtime/ptx/${name}.tar.gz`,
} as const;

/** The sequence that a journal key spells, or undefined for a key that is not a journal entry's. */
export function sequenceOfJournalKey(key: string): number | undefined {
  const match = /\/journal\/(\d{20})\.json$/.exec(key);
  return match === null ? undefined : Number(match[1]);
}
