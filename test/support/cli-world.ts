import type { CliPorts } from '../../cli/context.ts';
import { runCli } from '../../cli/run-cli.ts';
import { systemRandom } from '../../lib/base/random.ts';
import { sha256Hex } from '../../lib/base/digest.ts';
import { systemClock } from '../../lib/base/clock.ts';
import { locateRegion } from '../../lib/client/locate-region.ts';
import { publishFirstSpec } from '../../lib/client/publish-spec.ts';
import { openRegion, type Region } from '../../lib/client/region.ts';
import { sendTicket } from '../../lib/client/send-ticket.ts';
import type { JobSpec } from '../../lib/contract/job-spec.ts';
import { objectKeys } from '../../lib/contract/object-keys.ts';
import { type Journal, openJournal } from '../../lib/journal/journal.ts';
import { recordSubmission } from '../../lib/journal/requests.ts';
import { aSpec } from './a-spec.ts';
import { tempDir } from './temp-dir.ts';

interface CliRun {
  readonly code: number;
  readonly out: string;
  readonly err: string;
  /** Every line of stdout as JSON. */
  readonly json: readonly Record<string, unknown>[];
}

export interface CliWorld {
  readonly cwd: string;
  /** Types a command line in a folder of its own, with a local region in `.holdfast`. */
  run(args: readonly string[], options?: RunOptions): Promise<CliRun>;
  region(): Promise<Region>;
  /** Submits a job as another process would have; returns its journal. */
  submitted(facts?: Partial<JobSpec>): Promise<Journal>;
  /** Tickets that wait. */
  tickets(): Promise<number>;
}

interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly isTerminal?: boolean;
  /** Stands for Ctrl-C. */
  readonly signal?: AbortSignal;
  readonly clock?: CliPorts['clock'];
  /** Sees each piece of talk as it is said. */
  readonly onErr?: (text: string) => void;
  /** What the person at the keyboard answers; nobody is there unless given. */
  readonly answer?: boolean;
  /** What the person types where a line is asked for. */
  readonly typed?: readonly string[];
  /** Questions that were asked. */
  readonly asked?: string[];
}

/** The program text that a submitted test job runs; its digest stands in the spec. */
const programText = 'export default { setup() {} };\n';

/** @param cwd its folder; one that is removed with the test unless given */
export function cliWorld(cwd: string = tempDir()): CliWorld {
  const region = async (): Promise<Region> =>
    openRegion(await locateRegion({ cwd, env: {} }), { clock: systemClock, random: systemRandom });
  return {
    cwd,
    region,
    run: async (args, options = {}) => runIn(cwd, args, options),
    async submitted(facts = {}) {
      const opened = await region();
      const code = new TextEncoder().encode(programText);
      const sha256 = sha256Hex(code);
      await opened.store.put(objectKeys.program(sha256), code);
      const spec = aSpec({
        program: { kind: 'training', sha256, source: 'train.ts', params: { units: 8 } },
        ...facts,
      });
      const ref = await publishFirstSpec(opened.store, spec);
      const journal = await openJournal(opened, spec.jobId);
      await recordSubmission(journal, { spec: ref, name: spec.name, store: opened.store.uri });
      await sendTicket(opened, spec);
      return journal;
    },
    async tickets() {
      const opened = await region();
      const { visible, inFlight, delayed } = await (await opened.queue()).depth();
      await opened.close();
      return visible + inFlight + delayed;
    },
  };
}

async function runIn(cwd: string, args: readonly string[], options: RunOptions): Promise<CliRun> {
  let out = '';
  let err = '';
  const typed = [...(options.typed ?? [])];
  const {
    env = {},
    isTerminal = false,
    signal = new AbortController().signal,
    clock = systemClock,
  } = options;
  const code = await runCli(args, {
    streams: {
      writeOut: (text) => {
        out += text;
      },
      writeErr: (text) => {
        err += text;
        options.onErr?.(text);
      },
      outIsTerminal: isTerminal,
      errIsTerminal: isTerminal,
      columns: 100,
    },
    env,
    cwd,
    clock,
    random: systemRandom,
    confirm: (question) => {
      options.asked?.push(question);
      return Promise.resolve(options.answer);
    },
    ask: (question) => {
      options.asked?.push(question);
      return Promise.resolve(typed.shift());
    },
    untilInterrupted: () => signal,
  });
  return {
    code,
    out,
    err,
    get json() {
      return out
        .split('\n')
        .filter((line) => line !== '')
        .map((line): Record<string, unknown> => Object(JSON.parse(line)));
    },
  };
}
