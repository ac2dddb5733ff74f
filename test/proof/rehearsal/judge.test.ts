import { describe, expect, it } from 'vitest';
import { drawRehearsal } from '../../../proof/rehearsal/draw-rehearsal.ts';
import { judge, type Rehearsal, type RehearsalEvidence } from '../../../proof/rehearsal/judge.ts';
import type { RunEvidence } from '../../../proof/soak/audit-job.ts';
import { rehearsalLines } from '../../../cli/rehearsal-lines.ts';
import { openTerminal } from '../../../cli/terminal.ts';
import { aSoakedJob, instance, journalOf, soakedFacts, stepsFrom } from '../soak/a-soaked-job.ts';

const { attempts, ...job } = aSoakedJob();
const rehearsed: RunEvidence = { ...job, attempts };
/** The same job handed over without a loss. */
const alone: RunEvidence = {
  ...rehearsed,
  attempts: [
    { claim: 2, records: stepsFrom(1, 4) },
    { claim: 6, records: stepsFrom(5, 8) },
  ],
};

function judged(changes: Partial<RehearsalEvidence> = {}): Rehearsal {
  return judge({
    scenario: { name: 'storm', about: 'An interruption every few seconds.' },
    seed: 7,
    planned: 2,
    done: 1,
    acts: [
      { at: new Date(1_700_000_004_500), kind: 'kill', instanceId: 'i-1', what: 'SIGKILL without notice' },
    ],
    faults: [
      { at: '2023-11-14T22:13:20.000Z', instance: 'i-1', where: 'store', what: 'refused', detail: 'put a' },
      { at: '2023-11-14T22:13:21.000Z', instance: 'i-2', where: 'store', what: 'refused', detail: 'put b' },
    ],
    alone,
    rehearsed,
    now: new Date(1_700_000_010_000),
    ...changes,
  });
}

const rulesOf = ({ findings }: Rehearsal): readonly string[] => findings.map(({ rule }) => rule);
const { colors } = openTerminal(
  { writeOut() {}, writeErr() {}, outIsTerminal: false, errIsTerminal: false, columns: 80 },
  { json: false, env: {} },
);

describe('judge', () => {
  it('passes a job that lost a machine and nothing else, and tells what it cost', () => {
    const rehearsal = judged();
    expect(rehearsal).toMatchObject({
      passed: true,
      findings: [],
      steps: 8,
      stepsLost: 1,
      interruptions: 1,
      faults: { 'store refused': 2 },
    });
    expect(rehearsal.attempts).toMatchObject([
      { claim: 2, fromStep: 0, keptStep: 4, toStep: 5, ended: 'silent' },
      { claim: 6, fromStep: 4, keptStep: 8, toStep: 8, ended: 'completed' },
    ]);
    expect(rehearsal.epochs).toEqual([0, 1, 2, 3].map((epoch) => ({ epoch, examples: 4, distinct: 4 })));
    expect(rehearsal.digest).toBe(rehearsal.aloneDigest);
    expect(rehearsal.happenings.map(({ of, what }) => `${of} ${what}`)).toContainEqual(
      'machine i-1: SIGKILL without notice',
    );
    const times = rehearsal.happenings.map(({ atSeconds }) => atSeconds);
    expect(times).toEqual(times.toSorted((one, other) => one - other));
  });

  it('finds a step that was lost, one that was made twice, and an example that was seen twice', () => {
    const lost = { ...rehearsed, attempts: [attempts[0], { claim: 6, records: stepsFrom(6, 8) }] };
    expect(rulesOf(judged({ rehearsed: lost as RunEvidence }))).toContain('every step is on the line once');
    const twice = [...stepsFrom(5, 6), ...stepsFrom(6, 8).slice(1)];
    expect(
      rulesOf(
        judged({
          rehearsed: { ...rehearsed, attempts: [attempts[0], { claim: 6, records: twice }] } as RunEvidence,
        }),
      ),
    ).toEqual(expect.arrayContaining(['every step is on the line once', 'every example once per epoch']));
  });

  it('finds numbers and results that the run left alone does not have', () => {
    const other = stepsFrom(5, 8).map((record) =>
      record.kind === 'step' && record.step === 7 ? { ...record, metrics: { loss: '0'.repeat(16) } } : record,
    );
    const numbers = judged({
      alone: { ...alone, attempts: [...alone.attempts.slice(0, 1), { claim: 6, records: other }] },
    });
    expect(rulesOf(numbers)).toEqual(['every step made the same numbers']);
    const older = { ...alone, checkpoints: rehearsed.checkpoints.slice(0, -1) };
    expect(rulesOf(judged({ alone: older }))).toContain('a result is that of a run left alone');
  });

  it('holds a run to the steps that count of one that a busy machine lost by itself', () => {
    // In the order of a folder, which is none.
    const lost = { ...rehearsed, attempts: attempts.toReversed() };
    expect(judged({ alone: lost })).toMatchObject({ passed: true, findings: [] });
  });

  it('finds that nobody noted a step where steps are noted', () => {
    const silent = { ...alone, attempts: [{ claim: 2, records: [] }] };
    expect(rulesOf(judged({ alone: silent, rehearsed: silent }))).toContain('every step is on the line once');
  });

  it('finds a result of an evaluation that the run left alone does not have', () => {
    const more = rehearsed.entries.map((entry) =>
      entry.kind === 'completed' ? { ...entry, metrics: { ...entry.metrics, loss: 1 } } : entry,
    );
    expect(rulesOf(judged({ rehearsed: { ...rehearsed, entries: more } }))).toEqual([
      'a result is that of a run left alone',
    ]);
  });

  it('finds a job that did not end, and one that nobody could have continued', () => {
    const cut = { ...rehearsed, entries: rehearsed.entries.slice(0, -1) };
    expect(rulesOf(judged({ rehearsed: cut }))).toContain('every job ends');
    const damaged = rehearsed.checkpoints.map((checkpoint) => ({ ...checkpoint, objects: new Map() }));
    expect(rulesOf(judged({ rehearsed: { ...rehearsed, checkpoints: damaged } }))).toContain(
      'a manifest is what was committed',
    );
  });

  it('says why a job was given up', () => {
    const failed = journalOf([
      ...soakedFacts.slice(0, 5),
      { kind: 'failed', reason: 'strikes', message: 'died again', step: 4, claim: 2 },
    ]);
    const { findings } = judged({ rehearsed: { ...rehearsed, entries: failed } });
    expect(findings.map(({ what }) => what).join('\n')).toMatch(/given up.*more time.*: died again/);
  });

  it('knows no steps of a command, and judges it by its result', () => {
    const silent = { ...rehearsed, attempts: [] };
    expect(judged({ rehearsed: silent, alone: { ...alone, attempts: [] } })).toMatchObject({
      passed: true,
      stepsLost: null,
      epochs: [],
      attempts: [
        { claim: 2, fromStep: 0, keptStep: 4, toStep: 4 },
        { claim: 6, fromStep: 4, keptStep: 8, toStep: 8 },
      ],
    });
  });
});

describe('what is shown of a rehearsal', () => {
  it('tells people the attempts, the cost and the verdict', () => {
    const text = rehearsalLines(judged(), colors).join('\n');
    expect(text).toMatch(/2 +i-1 +█+░+·+ +0 → 5 +lost without a word/);
    expect(text).toContain('1 interruption, 1 of 2 events of the scenario: then the job was over');
    expect(text).toContain('8 steps, 1 made again');
    expect(text).toContain('4 epochs of 4 examples, each once per epoch across 1 interruption');
    expect(text).toContain('faults met: store refused 2');
    expect(text).toMatch(/PASSED: nothing was lost, repeated or different\.\n.*seed 7/);
    const cut = { ...rehearsed, entries: rehearsed.entries.slice(0, -1) };
    expect(rehearsalLines(judged({ rehearsed: cut }), colors).join('\n')).toMatch(/FAILED: \d+ findings?\n/);
  });

  it('is drawn as a picture that holds no other markup than its own', () => {
    const picture = drawRehearsal({ ...judged(), scenario: '<script>' });
    expect(picture).toMatch(/^<svg [^>]+>/);
    expect(picture).not.toContain('<script>');
    expect(picture.match(/class="kept"/g)).toHaveLength(2);
    expect(picture.match(/y="\d+" width="[\d.]+" height="14" class="lost"/g)?.length).toBeGreaterThanOrEqual(
      1,
    );
    expect(picture).not.toMatch(/NaN|undefined|Infinity/);
  });

  it('is drawn to one scale: what was done to a machine stands over the attempt that it was done to', () => {
    // Claimed after one second; handed over at the fifth, and claimed again at the seventh of ten.
    const handedOver = journalOf([
      ...soakedFacts.slice(0, 5),
      { kind: 'released', cause: 'interrupted', step: 4, message: '', claim: 2 },
      { kind: 'ticketed', by: 'nobody', claim: null },
      { kind: 'claimed', ticket: 't-2', instance: { ...instance, id: 'i-2' }, claim: 8 },
      { kind: 'restored', checkpoint: '2-2-step4', step: 4, bytes: 0, elapsedMs: 1, claim: 8 },
    ]);
    const picture = drawRehearsal(judged({ rehearsed: { ...rehearsed, entries: handedOver } }));
    const [first, second] = [...picture.matchAll(/>i-[12]<\/text>\n<rect x="([\d.]+)"/g)].map(([, x]) =>
      Number(x),
    );
    const acts = [...picture.matchAll(/<line x1="([\d.]+)"[^/]*><title>/g)].map(([, x]) => Number(x));
    const [left, wide] = [150, 706];
    expect([first, second, ...acts]).toEqual(
      [0.1, 0.7, 0.45].map((share) => expect.closeTo(left + share * wide, 1)),
    );
  });
});
