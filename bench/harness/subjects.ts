import type { Subject } from './row.ts';

/**
 * Every subject by its id, in the order in which they are told, and in which a full run measures them: what is done soon
 * first. Loaded one at a time: some bring TensorFlow.js, some the SDK.
 */
export const subjects: Readonly<Record<string, () => Promise<Subject>>> = {
  elsewhere: async () => (await import('../rows/elsewhere.ts')).elsewhere,
  'stored-bytes': async () => (await import('../rows/stored-bytes.ts')).storedBytes,
  'pause-wasm': async () => (await import('../rows/pause.ts')).pauseOf('wasm'),
  'pause-cpu': async () => (await import('../rows/pause.ts')).pauseOf('cpu'),
  notice: async () => (await import('../rows/notice.ts')).notice,
  upload: async () => (await import('../rows/upload.ts')).upload,
  'steady-overhead': async () => (await import('../rows/steady-overhead.ts')).steadyOverhead,
  codecs: async () => (await import('../rows/codecs.ts')).codecs,
  goodput: async () => (await import('../rows/goodput.ts')).goodput,
  'newest-checkpoint': async () => (await import('../rows/newest-checkpoint.ts')).newestCheckpoint,
  draining: async () => (await import('../rows/draining.ts')).draining,
  resume: async () => (await import('../rows/resume.ts')).resume,
  memory: async () => (await import('../rows/memory.ts')).memory,
};

/**
 * What these find hardly depends on what else the machine does: requests, bytes, peaks, CPU time, a virtual clock. A quick
 * run measures them side by side, and then all others one after the other. The longest come first, so that they end
 * together. `newest-checkpoint` has one time among its counts, which carries a control: where others disturb it, it is not
 * judged.
 */
export const besideOthers: readonly string[] = [
  'memory',
  'newest-checkpoint',
  'stored-bytes',
  'codecs',
  'goodput',
  'elsewhere',
];
