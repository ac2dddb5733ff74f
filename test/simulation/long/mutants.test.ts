import { expect, it } from 'vitest';
import { huntAll, tellQuarries } from '../mutants/hunt-all.ts';
import { describeQuarry } from '../mutants/hunt.ts';
import { furtherMutations, plannedMutations } from '../mutants/mutations.ts';
import { quietMutations } from '../mutants/quiet-mutations.ts';

const mutations = [...plannedMutations, ...furtherMutations, ...quietMutations];
/** Seeds of the control beyond those that show a mutation. */
const controlSeeds = 30;

// Whoever tells one history again waits for nothing else.
it.skipIf(process.env['HOLDFAST_SEED'] !== undefined)(
  'each planted mutation is noticed by simulated histories, and nothing in the product as it is',
  async () => {
    const control = [
      ...new Set([
        ...mutations.map(({ seed }) => seed),
        ...Array.from({ length: controlSeeds }, (_, index) => index + 1),
      ]),
    ];
    // The other core tells thousands of histories meanwhile.
    const hunted = await huntAll(mutations, { histories: 200, budgetMs: 200_000, threads: 1, control });
    const list = hunted.map(({ mutation, quarry }) => {
      const name = mutation?.name ?? 'the product as it is';
      return `  ${describeQuarry(name, quarry)}\n`;
    });
    process.stdout.write(`mutation → rules that noticed it\n${list.join('')}`);
    expect(tellQuarries(hunted)).toEqual({ wronglyCaught: [], missed: [] });
  },
);
