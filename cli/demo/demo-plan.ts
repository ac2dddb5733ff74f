import { builtFile, packageFile } from '../../lib/base/package-files.ts';

/**
 * Shortened so that three losses fit into a minute: on EC2 a notice has 120 s, a ticket is hidden for 120 s and a heartbeat
 * comes every 30 s. The protocol is the same.
 */
export const demoTimers = { noticeMs: 12_000, visibilityMs: 6_000, heartbeatMs: 1_500 } as const;

/** Slow enough that a checkpoint of the demo's model (some 100 kB) is under way for a moment, as gigabytes are on a network. */
export const demoStoreBytesPerSecond = 250_000;

/** Between two checkpoints: some seconds of training. */
export const demoSaveEverySteps = 75;

/** Everything must be over by then; a machine ten times slower than a small laptop still makes it. */
export const demoTimeoutMs = 15 * 60_000;

export const demoProgram: string = packageFile('examples/mnist/train.ts');
export const demoDigits: string = packageFile('examples/mnist/digits.bin');
export const mainScript: string = builtFile('cli/main.js');
