import { parseNameValues } from '../../lib/client/name-value.ts';
import { parseKeep } from '../../lib/client/parse-keep.ts';
import { resumeJob } from '../../lib/client/requests.ts';
import { reviseSpec } from '../../lib/client/revise-spec.ts';
import { askForMachine } from '../ask-for-machine.ts';
import type { Command } from '../context.ts';
import type { ResumeInput } from '../inputs.ts';
import { reportRequest } from '../report-request.ts';
import { withRegion } from '../with-region.ts';

/** `holdfast resume JOB`: go on, with the same program or a fixed one. */
export const resume: Command<ResumeInput> = (context, { jobId, wait, program: file, from, ...input }) =>
  withRegion(context, async (region) => {
    const { cwd, terminal } = context;
    const set = parseNameValues(input.set, '--set');
    const keep = input.keep.length === 0 ? undefined : parseKeep(input.keep);
    const revises = file !== undefined || keep !== undefined || Object.keys(set).length > 0;
    const onWarning = (warning: string): void => terminal.say(`warning: ${warning}`);
    const result = await resumeJob(region, jobId, {
      from,
      ...(revises ? { revise: (spec) => reviseSpec(region, spec, { file, set, keep, cwd, onWarning }) } : {}),
    });
    if (result.isNew) await askForMachine(context, region, { isNew: true });
    return reportRequest({
      context,
      region,
      result,
      wait: wait ? ['running', 'completed'] : undefined,
      asked: 'queued again',
    });
  });
