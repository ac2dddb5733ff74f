import { UsageError } from '../lib/base/errors.ts';

const units: Readonly<Record<string, number>> = {
  B: 1,
  kB: 1e3,
  MB: 1e6,
  GB: 1e9,
  KiB: 1024,
  MiB: 1024 ** 2,
  GiB: 1024 ** 3,
};

/**
 * `400kB`, `1.5MB`, `8MiB`, `512B` as bytes, rounded. A bare number means bytes; case does not matter, but for nothing else.
 * @throws UsageError naming the option and the forms that are understood
 */
export function parseBytes(text: string, option: string): number {
  const match = /^(\d+(?:\.\d+)?)\s?([a-z]*)$/i.exec(text);
  const unit = Object.keys(units).find((name) => name.toLowerCase() === (match?.[2] ?? '').toLowerCase());
  const factor = match?.[2] === '' ? 1 : units[unit ?? ''];
  const bytes = Math.round(Number(match?.[1]) * (factor ?? Number.NaN));
  if (!Number.isSafeInteger(bytes)) {
    throw new UsageError(`${option} is not an amount of bytes: \`${text}\`.`, {
      hint: 'Write a number with its unit: 400kB, 1.5MB, 8MiB, 2GB.',
    });
  }
  return bytes;
}
