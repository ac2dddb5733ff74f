import { type HistoryStats, runHistory } from './run-history.ts';
import { describeShrunk, shrinkHistory } from './shrink-history.ts';

export interface Told {
  /** The first history that broke a rule, made as short as can be, for people; undefined when everything held. */
  readonly failure: string | undefined;
  /** Of all histories together. */
  readonly stats: HistoryStats;
  readonly histories: number;
}

/** Tells histories one after the other, up to the first that breaks a rule, or until `untilMs` of the machine's own clock. */
export async function tellHistories(options: {
  readonly firstSeed: number;
  readonly count: number;
  /** True when it is enough. @default never before `count` */
  readonly isOver?: () => boolean;
}): Promise<Told> {
  const { firstSeed, count, isOver = () => false } = options;
  const sum: Record<keyof HistoryStats, number> = {
    virtualMs: 0,
    events: 0,
    requests: 0,
    faults: 0,
    processes: 0,
    deaths: 0,
    entries: 0,
    claims: 0,
    checkpoints: 0,
  };
  let histories = 0;
  for (let seed = firstSeed; seed < firstSeed + count && !isOver(); seed++) {
    const { violations, stats } = await runHistory(seed);
    histories++;
    for (const name of Object.keys(sum) as (keyof HistoryStats)[]) sum[name] += stats[name];
    if (violations.length === 0) continue;
    const shrunk = await shrinkHistory(seed);
    const failure =
      shrunk === undefined
        ? `seed ${seed} breaks ${violations[0]?.invariant} once, and not again: the simulation is not deterministic`
        : describeShrunk(shrunk, { seed });
    return { failure, stats: sum, histories };
  }
  return { failure: undefined, stats: sum, histories };
}
