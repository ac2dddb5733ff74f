/** Numbers as people read them. Pure; used by every command, so that an age looks the same everywhere. */
export { formatBytes } from '../lib/base/format-bytes.ts';

const two = (value: number): string => String(Math.floor(value)).padStart(2, '0');

/** `850ms`, `12s`, `3m 08s`, `2h 05m`, `4d 03h`. */
export function formatDuration(ms: number): string {
  if (ms < 1_000) return `${Math.max(0, Math.round(ms))}ms`;
  const seconds = ms / 1_000;
  if (seconds < 60)
    return seconds < 10 ? `${(Math.floor(seconds * 10) / 10).toFixed(1)}s` : `${Math.floor(seconds)}s`;
  const minutes = seconds / 60;
  if (minutes < 60) return `${Math.floor(minutes)}m ${two(seconds % 60)}s`;
  const hours = minutes / 60;
  if (hours < 24) return `${Math.floor(hours)}h ${two(minutes % 60)}m`;
  return `${Math.floor(hours / 24)}d ${two(hours % 24)}h`;
}

/** Four significant digits, never in a form that looks like another number: `0.4213`, `12.35`, `3.1e-5`. */
export function formatNumber(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  if (Number.isInteger(value)) return String(value);
  const magnitude = Math.abs(value);
  return magnitude < 1e-3 || magnitude >= 1e6 ? value.toExponential(2) : String(Number(value.toPrecision(4)));
}

/** `$0.3057`, `$12.40`; `?` where it is not known. Spot prices have four digits behind the point that matter. */
export function formatUsd(usd: number | null | undefined): string {
  if (usd === null || usd === undefined) return '?';
  return `$${usd.toFixed(usd < 10 ? 4 : 2)}`;
}

/** `1 step`, `2 steps`. */
export function formatCount(count: number, thing: string): string {
  return `${count} ${thing}${count === 1 ? '' : 's'}`;
}

/** Time since an instant, or `-` where there is none. */
export function formatAge(at: string | Date | null | undefined, now: Date): string {
  if (at === null || at === undefined) return '-';
  return formatDuration(Math.max(0, now.getTime() - new Date(at).getTime()));
}

/** Clock time of an instant in the reader's own zone: `14:02:11`. */
export function formatClockTime(at: string): string {
  const date = new Date(at);
  return [date.getHours(), date.getMinutes(), date.getSeconds()]
    .map((part) => String(part).padStart(2, '0'))
    .join(':');
}
