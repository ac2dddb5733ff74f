import { replayOf } from '../shrink-history.ts';
import { hunt, describeQuarry, type Quarry } from './hunt.ts';
import type { Mutation } from './mutation.ts';

export interface HuntAllOptions {
  /** Seeds that are tried for each mutation: the one that is known to show it, then 1, 2, 3 … */
  readonly histories: number;
  readonly budgetMs: number;
  readonly threads: number;
  /** Seeds that the product as it is must survive. */
  readonly control: readonly number[];
}

export interface HuntedMutation {
  /** Undefined: the product as it is. */
  readonly mutation: Mutation | undefined;
  readonly quarry: Quarry;
}

/** Hunts every mutation, and the product as it is over all seeds that showed one; so many at once. */
export async function huntAll(
  mutations: readonly Mutation[],
  options: HuntAllOptions,
): Promise<readonly HuntedMutation[]> {
  const { histories, budgetMs, threads, control } = options;
  const hunted: HuntedMutation[] = [];
  const waiting: (Mutation | undefined)[] = [undefined, ...mutations];
  const work = async (): Promise<void> => {
    while (waiting.length > 0) {
      const mutation = waiting.shift();
      const seeds = mutation === undefined ? control : seedsFor(mutation, histories);
      hunted.push({ mutation, quarry: await hunt(mutation, { seeds, budgetMs }) });
    }
  };
  await Promise.all(Array.from({ length: threads }, work));
  return hunted;
}

function seedsFor({ seed }: Mutation, histories: number): readonly number[] {
  const others = Array.from({ length: histories }, (_, index) => index + 1).filter((other) => other !== seed);
  return [seed, ...others];
}

/** What a test asks for: nothing caught that is right, nothing missed that is wrong. */
export function tellQuarries(hunted: readonly HuntedMutation[]): {
  readonly wronglyCaught: readonly string[];
  readonly missed: readonly string[];
} {
  const tell = ({ mutation, quarry }: HuntedMutation): string =>
    describeQuarry(mutation?.name ?? 'the product as it is', quarry);
  const control = hunted.filter(({ mutation }) => mutation === undefined);
  return {
    // A control that came to no end shows nothing.
    wronglyCaught: control
      .filter(({ quarry }) => quarry.caught !== undefined || !quarry.isComplete)
      .map((found) => [tell(found), ...again(found.quarry)].join('\n')),
    missed: hunted
      .filter(({ mutation, quarry }) => mutation !== undefined && !isCaught(mutation, quarry))
      .map(tell),
  };
}

function again({ caught }: Quarry): readonly string[] {
  return caught === undefined ? [] : [replayOf(caught.seed, { isRough: true })];
}

function isCaught({ caughtBy }: Mutation, { caught }: Quarry): boolean {
  return caught?.violations.some(({ invariant }) => caughtBy.includes(invariant)) === true;
}
