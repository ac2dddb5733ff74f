import type { DemoInput } from '../inputs.ts';
import type { Define } from './run.ts';

export const defineDemo: Define = (program, run) => {
  program
    .command('demo')
    .summary('lose a machine three times, and nothing of the training')
    .description(
      'Trains a digit classifier, takes its machine away three times, and compares the result byte by byte.',
    )
    .option('--keep', "leave the folder of the demo's region behind")
    .action((options: Partial<DemoInput>) =>
      run(async () => (await import('../commands/demo.ts')).demo, { keep: false, ...options }),
    );
};
