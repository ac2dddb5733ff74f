import type { Clock } from '../../lib/base/clock.ts';
import { type Check, pass, skip, warn } from '../../lib/client/doctor/check.ts';
import { isRegionLive, readRegionFile } from '../../local/region-file.ts';

/** Whether somebody keeps the local region of this folder: without it jobs wait. */
export function checkLocalRegion(dir: string, { clock }: { readonly clock: Clock }): Check {
  return {
    name: 'local-region',
    async run() {
      const region = await readRegionFile(dir);
      if (region === undefined)
        return skip('none was ever opened in this folder; `holdfast local` opens one');
      if (await isRegionLive(dir, region, clock)) return pass(`runs as process ${region.owner?.pid ?? '?'}`);
      return warn('does not run: its jobs wait', 'start it with `holdfast local`');
    },
  };
}
