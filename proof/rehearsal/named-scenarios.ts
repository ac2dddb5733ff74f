import type { ScenarioDocument } from './scenario.ts';

type NamedScenario = Omit<ScenarioDocument, 'format'>;

/** The scenarios that come with Holdfast, by their names. */
export const namedScenarios = {
  storm: {
    about: 'An interruption every few seconds, half of them without a word, in every phase.',
    noticeSeconds: 3,
    save: { everySeconds: 0.5 },
    events: [{ do: 'storm', times: 10, everySeconds: 3, noNotice: 0.5, whileTraining: 0.7 }],
  },
  'notice-without-kill': {
    about: 'Notices that nobody carries out: the machine stays. The job is handed over all the same, once.',
    events: [
      { do: 'notice', noticeSeconds: 3, carriedOut: false },
      { do: 'notice', noticeSeconds: 5, carriedOut: false, afterSeconds: 1 },
    ],
  },
  'kill-before-deadline': {
    about:
      'The plug is pulled long before the announced time: at once, in the middle of the last save, after it.',
    events: [
      { do: 'notice', noticeSeconds: 10, killAfterSeconds: 0, afterSeconds: 1 },
      { do: 'notice', noticeSeconds: 10, killAfterSeconds: 0.4, afterSeconds: 1 },
      { do: 'notice', noticeSeconds: 10, killAfterSeconds: 1.5, afterSeconds: 1 },
    ],
  },
  'notice-withdrawn': {
    about: 'Notices that are taken back, before and after the worker has seen them.',
    events: [
      { do: 'notice', withdrawAfterSeconds: 0.05 },
      { do: 'notice', withdrawAfterSeconds: 2, afterSeconds: 1 },
      { do: 'notice', noticeSeconds: 3, afterSeconds: 1 },
    ],
  },
  'moving-deadline': {
    about:
      'A notice whose time moves away with every look, as some mocks have it. The first deadline is the true one.',
    events: [
      { do: 'notice', noticeSeconds: 3, moving: true },
      { do: 'notice', noticeSeconds: 8, moving: true, afterSeconds: 1 },
    ],
  },
  'rebalance-only': {
    about: 'Rebalance recommendations that no interruption follows: a checkpoint, and training goes on.',
    events: [{ do: 'rebalance', times: 3, afterSeconds: 1 }],
  },
  'imds-unavailable': {
    about:
      'The metadata service answers 401, 500, too late or by half while a notice is there: the plug is pulled unannounced.',
    events: [
      { do: 'imds', fault: { kind: 'status', status: 401 }, forSeconds: 30 },
      { do: 'notice', noticeSeconds: 2 },
      { do: 'imds', fault: { kind: 'status', status: 500 }, forSeconds: 30 },
      { do: 'notice', noticeSeconds: 2 },
      { do: 'imds', fault: { kind: 'slow', ms: 60_000 }, forSeconds: 30 },
      { do: 'notice', noticeSeconds: 2 },
      { do: 'imds', fault: { kind: 'cut' }, forSeconds: 1.5 },
      { do: 'notice', noticeSeconds: 6 },
    ],
  },
  'two-workers': {
    about:
      'A machine stands still until another one has taken its job, and then goes on: two workers, one job, one line of checkpoints.',
    workers: 2,
    events: [
      { do: 'freeze', afterSeconds: 1, thawAfterSeconds: 1 },
      { do: 'freeze', afterSeconds: 1, thawAfterSeconds: 0 },
    ],
  },
  'store-errors': {
    about:
      'Store and queue answer 503 and 409, lose answers, and do late what they were asked for; machines are lost meanwhile.',
    events: [
      { do: 'notice', noticeSeconds: 6, afterSeconds: 1 },
      { do: 'kill', afterSeconds: 2 },
    ],
    faults: {
      store: {
        unavailable: 0.08,
        'lost-answer': 0.06,
        refused: 0.08,
        'lands-late': 0.03,
        'repeated-late': 0.03,
        delayed: 0.1,
      },
      queue: { unavailable: 0.05, 'lost-answer': 0.05 },
    },
  },
  'disk-full': {
    about:
      'The disk that checkpoints are staged on is full every other second: those are given up, and training goes on.',
    events: [
      { do: 'kill', afterSeconds: 4 },
      { do: 'notice', noticeSeconds: 6, afterSeconds: 3 },
    ],
    faults: { disk: { fullWhen: { fromSeconds: 3, forSeconds: 1.5, everySeconds: 3 } } },
  },
  'clock-jumps': {
    about:
      'The wall clock of every machine is set an hour ahead, two back and a day ahead; notices and kills come meanwhile.',
    events: [
      { do: 'notice', noticeSeconds: 6, afterSeconds: 2 },
      { do: 'kill', afterSeconds: 3 },
    ],
    faults: {
      clock: {
        jumps: [
          { atSeconds: 1, bySeconds: 3_600 },
          { atSeconds: 3, bySeconds: -7_200 },
          { atSeconds: 5, bySeconds: 86_400 },
        ],
      },
    },
  },
  'slow-network': {
    about:
      'A far and narrow line to the store: every request takes a fifth of a second, and a checkpoint many.',
    noticeSeconds: 10,
    events: [
      { do: 'notice', noticeSeconds: 10, afterSeconds: 2 },
      { do: 'kill', afterSeconds: 4 },
    ],
    faults: { network: { latencyMs: 200, bytesPerSecond: 100_000 } },
  },
} as const satisfies Readonly<Record<string, NamedScenario>>;
