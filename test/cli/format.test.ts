import { describe, expect, it } from 'vitest';
import { formatAge, formatBytes, formatDuration, formatNumber } from '../../cli/format.ts';

describe('formatDuration', () => {
  it.each([
    [0, '0ms'],
    [-5, '0ms'],
    [850, '850ms'],
    [9_960, '9.9s'],
    [59_999, '59s'],
    [60_000, '1m 00s'],
    [188_000, '3m 08s'],
    [7_500_000, '2h 05m'],
    [90_000_000, '1d 01h'],
  ])('shows %d ms as %s', (ms, text) => expect(formatDuration(ms)).toBe(text));
});

describe('formatBytes', () => {
  it.each([
    [0, '0 B'],
    [999, '999 B'],
    [1_000, '1.0 kB'],
    [999_949, '999.9 kB'],
    [999_950, '1.0 MB'],
    [8_388_608, '8.4 MB'],
    [2.5e12, '2.5 TB'],
  ])('shows %d as %s', (bytes, text) => expect(formatBytes(bytes)).toBe(text));
});

describe('formatNumber', () => {
  it.each([
    [0.42131, '0.4213'],
    [12.3456, '12.35'],
    [0.000031, '3.10e-5'],
    [7, '7'],
    [Number.NaN, 'NaN'],
  ])('shows %d as %s', (value, text) => expect(formatNumber(value)).toBe(text));
});

it('shows the age of nothing as a dash, and never one below zero', () => {
  const now = new Date('2030-01-01T00:01:00Z');
  expect(formatAge(null, now)).toBe('-');
  expect(formatAge('2030-01-01T00:00:00Z', now)).toBe('1m 00s');
  expect(formatAge('2030-01-01T00:02:00Z', now)).toBe('0ms');
});
