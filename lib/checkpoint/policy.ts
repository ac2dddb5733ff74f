/** When to save, as pure functions: the same facts always give the same decision. */
import { assert } from '../base/assert.ts';
import type { SavePolicySpec } from '../contract/job-spec.ts';
import type { InterruptionRisk } from '../contract/trainer-messages.ts';
import { adaptive, type SaveCosts } from './adaptive-interval.ts';

/** A step boundary, as a save policy sees it. */
export interface SaveMoment {
  /** Completed steps. */
  readonly step: number;
  /** Completed passes over the data. */
  readonly epoch: number;
  /** True for the boundary after the last step of an epoch. */
  readonly epochBoundary: boolean;
  /** Steps since the last save was taken (or since the start or restore). */
  readonly stepsSince: number;
  /** Seconds since then, monotonic. */
  readonly secondsSince: number;
  /** Seconds that this process has trained: the machine is at least as old. */
  readonly secondsRunning?: number;
  /** Of the last save of this process; undefined before the first. */
  readonly costs?: SaveCosts | undefined;
}

/** Why a checkpoint is due now, in words; undefined when none is. Never twice at one step: a policy is silent while `stepsSince` is 0. */
export type SavePolicy = (moment: SaveMoment) => string | undefined;

/**
 * At every multiple of `interval`, so that steps of checkpoints are round and meet `keep.everySteps`; and where such a
 * save could not be taken, as soon as `interval` steps have gone by.
 */
export function everySteps(interval: number): SavePolicy {
  assert(Number.isInteger(interval) && interval > 0, 'an interval is a positive number of steps', {
    interval,
  });
  return ({ step, stepsSince }) =>
    stepsSince > 0 && (step % interval === 0 || stepsSince >= interval)
      ? `every ${interval} steps`
      : undefined;
}

/** Once `interval` seconds have gone by. */
export function everySeconds(interval: number): SavePolicy {
  assert(interval > 0, 'an interval is a positive number of seconds', { interval });
  return ({ stepsSince, secondsSince }) =>
    stepsSince > 0 && secondsSince >= interval ? `every ${interval} s` : undefined;
}

/** At the end of every `interval`-th epoch. */
export function everyEpochs(interval: number): SavePolicy {
  assert(Number.isInteger(interval) && interval > 0, 'an interval is a positive number of epochs', {
    interval,
  });
  return ({ epoch, epochBoundary, stepsSince }) =>
    stepsSince > 0 && epochBoundary && epoch % interval === 0
      ? `the end of ${interval === 1 ? 'an epoch' : `every ${interval} epochs`}`
      : undefined;
}

/** After each of these steps; where such a save could not be taken, as soon as it can. */
export function atSteps(steps: readonly number[]): SavePolicy {
  return ({ step, stepsSince }) =>
    steps.some((due) => due <= step && due > step - stepsSince) ? 'it is laid down' : undefined;
}

/** Due when any of them is; the first of them tells why. */
export function anyOf(...policies: readonly SavePolicy[]): SavePolicy {
  return (moment) => {
    for (const policy of policies) {
      const why = policy(moment);
      if (why !== undefined) return why;
    }
    return undefined;
  };
}

/** The policy that a spec asks for; with nothing set, the adaptive one. */
export function savePolicyFrom(spec: SavePolicySpec, risk: InterruptionRisk): SavePolicy {
  const asked = [
    ...(spec.everySteps === undefined ? [] : [everySteps(spec.everySteps)]),
    ...(spec.everySeconds === undefined ? [] : [everySeconds(spec.everySeconds)]),
    ...(spec.everyEpochs === undefined ? [] : [everyEpochs(spec.everyEpochs)]),
  ];
  return asked.length > 0 ? anyOf(...asked) : adaptive(risk);
}
