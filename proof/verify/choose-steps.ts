import type { RunCourse } from '../../lib/contract/step-record.ts';

/** What an uninterrupted run may cost by default, so that everything together ends within a minute on two cores. */
const budgetSeconds = 20;

/** Less would leave no room for the interruptions. */
const fewestSteps = 12;

/** What is compared of a run without epochs, or with very short ones. */
const usualSteps = 40;

/** Enough of the second epoch to see that it is the right one. */
const stepsBeyondEpoch = 8;

/** How many steps are compared unless somebody says: into the second epoch where that can be afforded, never beyond the program's own end. */
export function chooseSteps(course: RunCourse, secondsPerStep: number): number {
  const { steps, stepsPerEpoch } = course;
  const wanted = Math.max(usualSteps, (stepsPerEpoch ?? 0) + stepsBeyondEpoch);
  const affordable = Math.floor(budgetSeconds / Math.max(secondsPerStep, 1e-6));
  return Math.min(steps, wanted, Math.max(fewestSteps, affordable));
}
