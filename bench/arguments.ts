import { existsSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { messageOf, UsageError } from '../lib/base/errors.ts';

export interface BenchArguments {
  readonly isQuick: boolean;
  readonly json: boolean;
  /** Ids of rows or subjects; empty: all. */
  readonly only: readonly string[];
  readonly traces: string | undefined;
  readonly writeDocs: boolean;
  /** A document of an earlier run, instead of measuring. */
  readonly from: string | undefined;
  /** What building took before. */
  readonly spentMs: number;
}

export const usage = `npm run bench -- [options]

  --quick          every row with fewer bytes, in less than a minute
  --json           only the report, as JSON, on the standard output
  --only id,id     these rows or subjects alone
  --traces DIR     recorded traces of Spot capacity (or HOLDFAST_TRACES)
  --write-docs     writes docs/performance.md, its pictures and docs/performance.json
  --from FILE      tells an earlier run's JSON again instead of measuring
`;

/** @throws UsageError for an option that there is not */
export function benchArguments(args: readonly string[], env: NodeJS.ProcessEnv): BenchArguments {
  const values = parsed(args);
  if (values.traces !== undefined && !existsSync(values.traces))
    throw new UsageError(`--traces names nothing that is there: ${values.traces}`);
  return {
    isQuick: values.quick,
    json: values.json,
    only: values.only.split(',').filter((id) => id !== ''),
    traces: values.traces ?? env['HOLDFAST_TRACES'],
    writeDocs: values['write-docs'],
    from: values.from,
    spentMs: Number(env['HOLDFAST_BENCH_SPENT_MS'] ?? 0),
  };
}

const options = {
  quick: { type: 'boolean', default: false },
  json: { type: 'boolean', default: false },
  only: { type: 'string', default: '' },
  traces: { type: 'string' },
  'write-docs': { type: 'boolean', default: false },
  from: { type: 'string' },
} as const;

function parsed(
  args: readonly string[],
): ReturnType<typeof parseArgs<{ options: typeof options }>>['values'] {
  try {
    return parseArgs({ args: [...args], options }).values;
  } catch (error) {
    // Node.js names the option; a word that is no option is meant for one.
    throw new UsageError(messageOf(error), { hint: usage, cause: error });
  }
}
