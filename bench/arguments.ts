import { parseArgs } from 'node:util';

export interface BenchArguments {
  readonly isQuick: boolean;
  readonly json: boolean;
  /** Ids of rows or subjects; empty: all. */
  readonly only: readonly string[];
  readonly traces: string | undefined;
  readonly writeDocs: boolean;
  /** A document of an earlier run, instead of measuring. */
  readonly from: string | undefined;
}

export const usage = `npm run bench -- [options]

  --quick          every row with fewer bytes, in less than a minute
  --json           only the report, as JSON, on the standard output
  --only id,id     these rows or subjects alone
  --traces DIR     recorded traces of Spot capacity (or HOLDFAST_TRACES)
  --write-docs     writes docs/performance.md, its pictures and docs/performance.json
  --from FILE      tells an earlier run's JSON again instead of measuring
`;

/** @throws TypeError for an option that there is not */
export function benchArguments(args: readonly string[], env: NodeJS.ProcessEnv): BenchArguments {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      only: { type: 'string', default: '' },
      traces: { type: 'string' },
      'write-docs': { type: 'boolean', default: false },
      from: { type: 'string' },
    },
  });
  return {
    isQuick: values.quick,
    json: values.json,
    only: values.only.split(',').filter((id) => id !== ''),
    traces: values.traces ?? env['HOLDFAST_TRACES'],
    writeDocs: values['write-docs'],
    from: values.from,
  };
}
