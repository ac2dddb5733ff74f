import { describe, expect, it } from 'vitest';
import { chooseCodec, type CodecFacts } from '../../../../lib/checkpoint/codec/choose-codec.ts';

/** A line of 2.5 Gb/s, two cores that would be idle, and zlib as it was measured on weights. */
const slowLine: CodecFacts = {
  codec: 'planes-zlib',
  occasion: 'background',
  networkBytesPerSecond: 0.3e9,
  encodeBytesPerSecond: 0.5e9,
  storedShare: 0.84,
  cores: 2,
};

const choose = (facts: Partial<CodecFacts> = {}) => chooseCodec({ ...slowLine, ...facts });

describe('the codec of a chunk', () => {
  it('is chosen where the line is slow and cores are idle', () => {
    expect(choose()).toBe('planes-zlib');
    expect(choose({ networkBytesPerSecond: 0.05e9, cores: 0.5 })).toBe('planes-zlib');
  });

  it('is none where the line is faster than the cores', () => {
    expect(choose({ networkBytesPerSecond: 0.7e9 })).toBe('none');
    expect(choose({ networkBytesPerSecond: 3e9, encodeBytesPerSecond: 1e9 })).toBe('none');
  });

  it('is chosen on a faster line where more cores, or a faster codec, keep up with it', () => {
    expect(choose({ networkBytesPerSecond: 0.7e9, cores: 6 })).toBe('planes-zlib');
    expect(choose({ codec: 'planes-zstd', networkBytesPerSecond: 0.6e9, encodeBytesPerSecond: 1e9 })).toBe(
      'planes-zstd',
    );
  });

  it('is none where nobody has a core to spare', () => {
    expect(choose({ cores: 0 })).toBe('none');
    expect(choose({ cores: -0.2 })).toBe('none');
    expect(choose({ cores: 0.5 })).toBe('none');
  });

  it('is none where the bytes hardly become fewer', () => {
    expect(choose({ storedShare: 0.97 })).toBe('none');
    expect(choose({ storedShare: 1 })).toBe('none');
  });

  it('is none until everything was measured', () => {
    expect(choose({ networkBytesPerSecond: undefined })).toBe('none');
    expect(choose({ encodeBytesPerSecond: undefined })).toBe('none');
    expect(choose({ storedShare: undefined })).toBe('none');
  });

  it('must win more in an emergency', () => {
    const barely: Partial<CodecFacts> = { storedShare: 0.94 };
    expect(choose(barely)).toBe('planes-zlib');
    expect(choose({ ...barely, occasion: 'emergency' })).toBe('none');
    expect(choose({ occasion: 'emergency' })).toBe('planes-zlib');
  });

  it('never makes a save longer than it would be without, for any facts', () => {
    for (const network of [1e6, 0.1e9, 0.3e9, 0.6e9, 1.2e9, 5e9]) {
      for (const encode of [0.1e9, 0.5e9, 1e9]) {
        for (const cores of [0.3, 1, 2, 7]) {
          for (const share of [0.01, 0.5, 0.84, 0.99]) {
            const facts = { networkBytesPerSecond: network, encodeBytesPerSecond: encode, cores };
            const codec = choose({ ...facts, storedShare: share });
            const coded = Math.max(share / network, 1 / encode / cores);
            if (codec !== 'none') expect(coded).toBeLessThan(1 / network);
          }
        }
      }
    }
  });
});
