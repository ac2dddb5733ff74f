import { builtFile, packageFile } from '../../lib/base/package-files.ts';
import type { SubmitOptions } from '../../lib/client/submit-job.ts';
import type { DataShape } from './audit-samples.ts';

/** A kind of job: a small program that is over in a second or two, and what is known of it. */
export interface Kind {
  readonly name: string;
  /** What is submitted for one seed. */
  submission(seed: number): Pick<SubmitOptions, 'program' | 'seed' | 'backend'>;
  readonly steps: number;
  /** Undefined where a program has no data, or is none of ours. */
  readonly data?: DataShape;
  /** Whether its trainer notes its steps. */
  readonly isRecorded: boolean;
}

function training(name: string, facts: Pick<Kind, 'steps' | 'data'> & { readonly backend: string }): Kind {
  const { backend, ...known } = facts;
  const file = packageFile(`proof/soak/programs/${name.replace(/-on-.*$/, '')}.ts`);
  return { name, ...known, isRecorded: true, submission: (seed) => ({ program: { file }, seed, backend }) };
}

const rings: DataShape = { examples: 250, batchSize: 16, lastBatch: 'keep' };
const bars: DataShape = { examples: 130, batchSize: 12, lastBatch: 'drop' };
const countSteps = 90;

/** Two backends, data with and without a short last batch, evaluation with a best metric, an agent without data, and a command. */
export const kinds: readonly Kind[] = [
  training('classify', { backend: 'cpu', steps: 96, data: rings }),
  training('convolve', { backend: 'wasm', steps: 40, data: bars }),
  training('wander', { backend: 'cpu', steps: 150 }),
  {
    name: 'count-along',
    steps: countSteps,
    isRecorded: false,
    submission: (seed) => ({
      program: {
        command: [
          process.execPath,
          builtFile('proof/soak/programs/count-along.js'),
          String(countSteps),
          '12',
          '12',
          String(seed),
        ],
        checkpoints: 'checkpoint-*',
        complete: 'rename',
      },
    }),
  },
  training('classify-on-wasm', { backend: 'wasm', steps: 96, data: rings }),
];
