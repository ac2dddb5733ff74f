import { z } from 'zod';
import { savePolicySchema } from '../../lib/contract/job-spec.ts';
import { machineFaultsSchema } from './worker-faults.ts';

const seconds = z.number().nonnegative().max(3_600);

/** When something is done, and how often. */
const occasion = {
  /** `training`: an attempt has made a step of its own on a machine that knows of no end. `any`: whatever goes on. */
  when: z.enum(['training', 'any']).default('training'),
  /** From then on. */
  afterSeconds: seconds.default(0),
  times: z.int().min(1).max(1_000).default(1),
};

const imdsFaultSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('status'), status: z.int().min(400).max(599) }),
  /** Answers late; longer than a worker waits is the same as never. */
  z.strictObject({ kind: z.literal('slow'), ms: z.number().nonnegative().max(600_000) }),
  /** Cuts the connection in the middle of an answer. */
  z.strictObject({ kind: z.literal('cut') }),
]);

export const scenarioEventSchema = z.discriminatedUnion('do', [
  /** A Spot interruption notice to the machine that trains; the plug is pulled at its deadline unless something else is said. */
  z.strictObject({
    do: z.literal('notice'),
    ...occasion,
    /** @default the scenario's */
    noticeSeconds: seconds.optional(),
    action: z.enum(['terminate', 'stop', 'hibernate']).default('terminate'),
    /** The announced time moves with every look. */
    moving: z.boolean().default(false),
    /** False: the machine stays all the same. */
    carriedOut: z.boolean().default(true),
    /** The plug is pulled so long after the notice, before its deadline. */
    killAfterSeconds: seconds.optional(),
    /** The notice is taken back so long after it was given. */
    withdrawAfterSeconds: seconds.optional(),
  }),
  /** The plug is pulled without a word. */
  z.strictObject({ do: z.literal('kill'), ...occasion }),
  /** Interruptions at random times. */
  z.strictObject({
    do: z.literal('storm'),
    times: z.int().min(1).max(1_000),
    everySeconds: seconds.positive(),
    /** Share of those without any notice. */
    noNotice: z.number().min(0).max(1).default(0.5),
    /**
     * Share of those that come while an attempt trains, so long after its first steps. The others come whatever goes on: a
     * job whose attempts all die before they save anything is given up after five of them.
     */
    whileTraining: z.number().min(0).max(1).default(0.7),
    noticeSeconds: seconds.optional(),
  }),
  /** A rebalance recommendation, which ends nothing. */
  z.strictObject({ do: z.literal('rebalance'), ...occasion }),
  /** The machine stands still until another one has taken the job and trains, and a while longer; then it goes on. */
  z.strictObject({ do: z.literal('freeze'), ...occasion, thawAfterSeconds: seconds.default(1) }),
  /** The metadata service of the machine fails for a while. */
  z.strictObject({
    do: z.literal('imds'),
    ...occasion,
    fault: imdsFaultSchema,
    forSeconds: seconds.positive(),
  }),
]);

/**
 * What a job is put through. Times are those of a rehearsal: on EC2 a notice has 120 s, a heartbeat comes every 30 s and a
 * ticket is hidden for 120 s. The protocol is the same.
 */
export const scenarioSchema = z.strictObject({
  format: z.literal(1),
  /** For people: what happens, and what must come of it. */
  about: z.string().min(1).max(1_000),
  /** Decides everything that is drawn. @default drawn anew, and told */
  seed: z
    .int()
    .nonnegative()
    .max(2 ** 31)
    .optional(),
  /** Machines at a time. */
  workers: z.int().min(1).max(8).default(1),
  noticeSeconds: seconds.default(6),
  /** From the launch of a replacement until its worker starts. */
  bootSeconds: seconds.default(0.2),
  heartbeatSeconds: z.number().min(0.2).max(60).default(1),
  visibilitySeconds: z.number().min(1).max(600).default(4),
  /** Instead of the job's own rhythm, which is made for hours. */
  save: savePolicySchema.omit({ omit: true }).strict().default({ everySeconds: 1 }),
  /** One after the other. */
  events: z.array(scenarioEventSchema).max(200).default([]),
  /** Of every machine, from its start to its end. */
  faults: machineFaultsSchema.default({}),
});

export type Scenario = z.output<typeof scenarioSchema>;
export type ScenarioDocument = z.input<typeof scenarioSchema>;
export type ScenarioEvent = z.output<typeof scenarioEventSchema>;
export type ScenarioEventOf<Do extends ScenarioEvent['do']> = Extract<ScenarioEvent, { do: Do }>;

/** How often something is done in all. */
export function plannedEvents({ events }: Pick<Scenario, 'events'>): number {
  return events.reduce((sum, { times }) => sum + times, 0);
}
