import { describe, expect, it } from 'vitest';
import type { Runtime } from '../../lib/contract/manifest.ts';
import { RuntimeComparison } from '../../job/runtime-comparison.ts';

const wasm: Runtime = { backend: 'wasm', versions: { tfjs: '4.22.0' }, arch: 'x64' };

function told(compare: (comparison: RuntimeComparison) => void): readonly string[] {
  const warnings: string[] = [];
  compare(new RuntimeComparison((warning) => warnings.push(warning)));
  return warnings;
}

describe('the comparison of runtimes', () => {
  it('says nothing while they are equal, or while one is unknown', () => {
    expect(told((comparison) => comparison.savedBy(wasm))).toEqual([]);
    expect(told((comparison) => comparison.runsOn(wasm))).toEqual([]);
    expect(
      told((comparison) => {
        comparison.savedBy(wasm);
        comparison.runsOn({ ...wasm, versions: { ...wasm.versions } });
      }),
    ).toEqual([]);
  });

  it('names backend, version and architecture, whichever is learned first', () => {
    const other: Runtime = { backend: 'cpu', versions: { tfjs: '4.23.0' }, arch: 'arm64' };
    const inOrder = told((comparison) => {
      comparison.savedBy(wasm);
      comparison.runsOn(other);
    });
    const reversed = told((comparison) => {
      comparison.runsOn(other);
      comparison.savedBy(wasm);
    });
    expect(inOrder).toEqual(reversed);
    expect(inOrder).toHaveLength(3);
    expect(inOrder.join('\n')).toMatch(
      /backend: .*wasm.* in the checkpoint, .*cpu[\s\S]*4\.22\.0[\s\S]*4\.23\.0[\s\S]*x64[\s\S]*arm64|arch/,
    );
  });
});
