import { describe, expect, it } from 'vitest';
import { benchArguments } from '../../bench/arguments.ts';
import { besideOthers, subjects } from '../../bench/harness/subjects.ts';
import { UsageError } from '../../lib/base/errors.ts';

describe('arguments of the benchmark', () => {
  it('name rows, a quick run, and the folder of recordings that the environment has too', () => {
    expect(
      benchArguments(['--quick', '--only', 'resume,memory-peak-flush'], { HOLDFAST_TRACES: 'there' }),
    ).toMatchObject({
      isQuick: true,
      json: false,
      only: ['resume', 'memory-peak-flush'],
      traces: 'there',
    });
  });

  it.each([[['--nope']], [['word']], [['--only']], [['--traces', '/not/there']]])(
    'refuse %j with what there is',
    (args) => {
      expect(() => benchArguments(args, {})).toThrow(UsageError);
    },
  );
});

it('measures only known subjects side by side', () => {
  for (const id of besideOthers) expect(Object.keys(subjects)).toContain(id);
});
