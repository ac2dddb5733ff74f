import { describe, expect, it } from 'vitest';
import { CodecLearner, type SaveFacts } from '../../../../lib/checkpoint/codec/codec-learner.ts';
import { chunkBytes, type Codec } from '../../../../lib/contract/manifest.ts';

const s3 = 's3://bucket/prefix?region=eu-central-1';
const background: SaveFacts = { occasion: 'background', lanes: 4, cores: 2 };
const emergency: SaveFacts = { occasion: 'emergency', lanes: 4, cores: 2 };

interface WorldFacts {
  readonly networkBytesPerSecond: number;
  readonly encodeBytesPerSecond?: number;
  readonly storedShare?: number;
}

/** Chunks of one save through a line and cores as given. @returns what was chosen, chunk by chunk */
function save(
  learner: CodecLearner,
  facts: SaveFacts,
  world: WorldFacts,
  chunks: number = 100,
): readonly Codec[] {
  const { networkBytesPerSecond, encodeBytesPerSecond = 0.5e9, storedShare = 0.84 } = world;
  const chooser = learner.chooser(facts);
  return Array.from({ length: chunks }, () => {
    const codec = chooser.choose({ bytes: chunkBytes });
    const storedBytes = codec === 'none' ? chunkBytes : chunkBytes * storedShare;
    chooser.measured({
      codec,
      rawBytes: chunkBytes,
      storedBytes,
      encodeMs: codec === 'none' ? 0 : (chunkBytes / encodeBytesPerSecond) * 1_000,
      putMs: ((facts.lanes * storedBytes) / networkBytesPerSecond) * 1_000,
    });
    return codec;
  });
}

const coded = (codecs: readonly Codec[]): number => codecs.filter((codec) => codec !== 'none').length;
const slow: WorldFacts = { networkBytesPerSecond: 0.2e9 };
const fast: WorldFacts = { networkBytesPerSecond: 2e9 };

const learnerOf = (storeUri: string = s3) => new CodecLearner({ storeUri, codec: 'planes-zlib' });

describe('what a worker learns about codecs', () => {
  it('begins without, and codes everything soon where the line is slow', () => {
    const codecs = save(learnerOf(), background, slow);
    expect(codecs[0]).toBe('none');
    expect(coded(codecs)).toBeGreaterThan(95);
    expect(codecs.slice(-50)).not.toContain('none');
  });

  it('codes nothing but a trial now and then where the line is fast', () => {
    const learner = learnerOf();
    save(learner, background, fast);
    expect(coded(save(learner, background, fast, 640))).toBe(10);
  });

  it('does not judge a codec by its first chunks, which are slow', () => {
    const learner = learnerOf();
    save(learner, background, { ...slow, encodeBytesPerSecond: 0.05e9 }, 4);
    expect(save(learner, background, slow).slice(-30)).not.toContain('none');
  });

  it('changes its mind when the line changes', () => {
    const learner = learnerOf();
    save(learner, background, fast);
    expect(save(learner, background, slow).slice(-30)).not.toContain('none');
    expect(coded(save(learner, background, fast).slice(-30))).toBeLessThan(2);
  });

  it('leaves what does not become smaller alone', () => {
    const learner = learnerOf();
    const noise = { ...slow, storedShare: 1 };
    save(learner, background, noise);
    expect(coded(save(learner, background, noise, 640))).toBe(10);
  });

  it('tries nothing where no core is idle', () => {
    expect(coded(save(learnerOf(), { ...background, cores: 0 }, slow))).toBe(0);
  });

  it('tries nothing in an emergency, and codes there only what saves before have shown to be faster', () => {
    expect(coded(save(learnerOf(), emergency, slow))).toBe(0);
    const taught = learnerOf();
    save(taught, background, slow);
    expect(coded(save(taught, emergency, slow))).toBe(100);
    const onceTried = learnerOf();
    save(onceTried, background, slow, 4);
    expect(coded(save(onceTried, emergency, slow))).toBe(0);
    const onFastLine = learnerOf();
    save(onFastLine, background, fast);
    expect(coded(save(onFastLine, emergency, fast))).toBe(0);
  });

  it('takes small chunks for what they are: no measure of a line', () => {
    const learner = learnerOf();
    const chooser = learner.chooser(background);
    for (let chunk = 0; chunk < 100; chunk++) {
      const codec = chooser.choose({ bytes: 2_000 });
      expect(codec).toBe('none');
      chooser.measured({ codec, rawBytes: 2_000, storedBytes: 2_000, encodeMs: 0, putMs: 40 });
    }
    // As if nothing had been stored yet: the line comes first, the trial after it.
    expect(save(learner, background, fast, 2)).toEqual(['none', 'planes-zlib']);
  });

  it.each(['file:///region/store', 'memory:test'])('codes nothing for %s', (uri) => {
    expect(coded(save(learnerOf(uri), background, slow))).toBe(0);
  });
});
