import type { FleetMembership } from './fleet-membership.ts';

/** A machine that belongs to no fleet: nobody scales it in, and nobody ends or replaces it. */
export const loneMachine: FleetMembership = {
  async protect() {},
  async unprotect() {},
  async yieldToReplacement() {
    return 'kept';
  },
  async completeTermination() {
    return 'completed';
  },
  async retire() {
    return 'alone';
  },
  async reportUnhealthy() {},
  async isOutdated() {
    return false;
  },
  async label() {},
  close() {},
};
