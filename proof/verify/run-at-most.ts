/** Runs these in order, at most `limit` of them at a time. Once one rejects no other begins; rejects like it when all have ended. */
export async function runAtMost(limit: number, tasks: readonly (() => Promise<void>)[]): Promise<void> {
  const waiting = [...tasks];
  const faults: unknown[] = [];
  const work = async (): Promise<void> => {
    for (let task = waiting.shift(); task !== undefined; task = waiting.shift()) {
      try {
        await task();
      } catch (error) {
        faults.push(error);
        waiting.length = 0;
      }
    }
  };
  await Promise.all(Array.from({ length: limit }, work));
  if (faults.length > 0) throw faults[0];
}
