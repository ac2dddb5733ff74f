import { atMost, type Finding, type Row, type Subject } from '../harness/row.ts';

/** What no machine without an accelerator or an account can show. Listed, so that nobody takes silence for success. */
const found: ReadonlyArray<{ readonly row: Row; readonly why: string }> = [
  {
    row: {
      id: 'pause-longest-gpu',
      title: 'Longest pause of training for a checkpoint, native backend on a GPU',
      unit: '×',
      peer: 'warm copy of the same bytes from the device',
      goal: atMost(0.5),
    },
    why: 'needs a GPU with `@tensorflow/tfjs-node-gpu`',
  },
  {
    row: {
      id: 'cpu-per-gb-tls',
      title: 'CPU to make a staged checkpoint durable, https',
      unit: 'CPU-s/GB',
      peer: 'one GB of checkpoint',
      goal: atMost(1.6),
    },
    why: 'needs a bucket of S3: the sink speaks http only',
  },
  {
    row: {
      id: 'notice-to-durable-s3',
      title: "From a notice to the journal's commit on an instance with its bucket",
      unit: '×',
      peer: 'plain PUTs of the same bytes from the same instance',
      goal: atMost(1.05),
    },
    why: 'needs an instance of EC2 and a bucket in its region',
  },
];

export const elsewhere: Subject = {
  id: 'elsewhere',
  rows: found.map(({ row }) => row),
  measure: () =>
    Promise.resolve(Object.fromEntries(found.map(({ row, why }): [string, Finding] => [row.id, { why }]))),
};
