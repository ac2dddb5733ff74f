import { jobIdPattern, objectKeys } from '../contract/object-keys.ts';
import type { ObjectStore } from '../store/object-store.ts';

/** The character after the slash: all keys of a folder sort before the folder's name with this. */
const afterSlash = '0';

/**
 * Ids of all jobs in the store, in the order of the store's keys. A submit that has not come to its journal yet is among
 * them (`state.sequence` 0). Costs at most one request a job, however many objects a job has.
 */
export async function* listJobIds(store: ObjectStore): AsyncGenerator<string, undefined> {
  let after: string | undefined;
  for (;;) {
    const page = await store.list(objectKeys.jobs, after === undefined ? {} : { after });
    let last: string | undefined;
    for (const { key } of page.objects) {
      const [id] = key.slice(objectKeys.jobs.length).split('/', 1);
      if (id === undefined || id === last) continue;
      last = id;
      if (jobIdPattern.test(id)) yield id;
    }
    if (page.next === undefined || last === undefined) return undefined;
    // What is left of the last job is skipped. The neighbours job-1 and job-10 are told apart: `jobs/job-1/…` sorts
    // before `jobs/job-10`, and that before `jobs/job-10/…`.
    after = `${objectKeys.jobs}${last}${afterSlash}`;
  }
}
