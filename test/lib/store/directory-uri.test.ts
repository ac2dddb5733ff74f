import { describe, expect, it } from 'vitest';
import { UsageError } from '../../../lib/base/errors.ts';
import { parseDirectoryUri } from '../../../lib/store/directory-uri.ts';

describe('parseDirectoryUri', () => {
  it.each([
    ['file:///var/holdfast', { dir: '/var/holdfast', bytesPerSecond: undefined }],
    ['file:///a%20b/%23c', { dir: '/a b/#c', bytesPerSecond: undefined }],
    ['file:///dir?bytesPerSecond=400000', { dir: '/dir', bytesPerSecond: 400_000 }],
  ])('reads %s', (uri, address) => {
    expect(parseDirectoryUri(uri)).toEqual(address);
  });

  it.each([
    ['file:relative', 'no absolute file URI'],
    ['file://./relative', 'no absolute file URI'],
    ['file://host/dir', 'no absolute file URI'],
    ['/dir', 'no absolute file URI'],
    ['s3://bucket', 'no absolute file URI'],
    ['file:///dir#part', 'no file URI'],
    ['file:///dir%2fother', 'cannot be a path'],
    ['file:///dir?bytesPerSec=1', 'unknown option bytesPerSec'],
    ['file:///dir?bytesPerSecond=0', 'not a positive whole number'],
    ['file:///dir?bytesPerSecond=-1', 'not a positive whole number'],
    ['file:///dir?bytesPerSecond=fast', 'not a positive whole number'],
    ['file:///dir?bytesPerSecond=', 'not a positive whole number'],
    ['file:///dir?bytesPerSecond=1e3', 'not a positive whole number'],
  ])('refuses %s with a hint', (uri, why) => {
    expect(() => parseDirectoryUri(uri)).toThrow(UsageError);
    expect(() => parseDirectoryUri(uri)).toThrow(why);
    expect(() => parseDirectoryUri(uri)).toThrow(expect.objectContaining({ hint: expect.any(String) }));
  });
});
