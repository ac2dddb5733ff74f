import { channel, subscribe } from 'node:diagnostics_channel';
import type { Program, Training } from '../../lib/training/define-training.ts';

/** A training at one of its joints, between two calls of the program. */
export interface TrainingSight {
  readonly when: 'set-up' | 'began' | 'stepped' | 'evaluated';
  readonly program: Program<unknown, unknown>;
  readonly training: Training<unknown>;
  /** Completed steps. */
  readonly step: number;
  readonly resumed: boolean;
}

const trainings = channel('holdfast.training');

/** For tools in the same process that look on; nothing is done where there are none. */
export function showOnlookers(sight: TrainingSight): void {
  if (trainings.hasSubscribers) trainings.publish(sight);
}

/** Calls `look` at every joint of trainings in this process, from within: training waits for it. */
export function lookOn(look: (sight: TrainingSight) => void): void {
  subscribe('holdfast.training', (sight) => {
    if (isSight(sight)) look(sight);
  });
}

function isSight(value: unknown): value is TrainingSight {
  return typeof value === 'object' && value !== null && 'when' in value && 'training' in value;
}
