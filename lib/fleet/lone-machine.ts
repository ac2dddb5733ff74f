import type { FleetMembership } from './fleet-membership.ts';

/** A machine that belongs to no fleet: nobody scales it in, and it stays when it has nothing to do. */
export const loneMachine: FleetMembership = {
  async protect() {},
  async unprotect() {},
  async completeTermination() {},
  async retire() {
    return 'needed';
  },
  async reportUnhealthy() {},
  async isOutdated() {
    return false;
  },
  async label() {},
  close() {},
};
