/** What is measured and what is said about it. */

export type Goal =
  | { readonly kind: 'at-most'; readonly value: number }
  | { readonly kind: 'at-least'; readonly value: number };

export const atMost = (value: number): Goal => ({ kind: 'at-most', value });
export const atLeast = (value: number): Goal => ({ kind: 'at-least', value });

/** One line of the report, before it is measured. */
export interface Row {
  /** In kebab-case; explanations and pictures refer to it. */
  readonly id: string;
  /** What is measured, for a reader of the table. */
  readonly title: string;
  /** `×` for a ratio. */
  readonly unit: string;
  /** What the value is divided by or held against, in words. */
  readonly peer: string;
  /** None: the figure is told without a judgement. */
  readonly goal?: Goal;
  /** Which side is the worse one, where no goal says so. @default 'lower' */
  readonly better?: 'lower' | 'higher';
  /** Bounds that must hold in every run are judged by the worst one. @default 'median' */
  readonly judgedBy?: 'median' | 'worst';
}

/** One figure, of a run each. */
export interface Measured {
  readonly values: readonly number[];
  /** Same-versus-same ratios from the same run: where their spread exceeds the goal's margin nothing is judged. */
  readonly control?: readonly number[];
  /** Another way to meet the goal, in words, and whether it holds: as a pause that is short in itself. */
  readonly otherwise?: { readonly goal: string; readonly isMet: boolean };
  /** Raw figures of product and peer, their unit last in the name. */
  readonly raw?: Readonly<Record<string, number | string>>;
}

/** What came of a row: a figure, or why there is none here. */
export type Finding = Measured | { readonly why: string };

/** Several rows that are measured together, in a process of their own. */
export interface Subject {
  readonly id: string;
  readonly rows: readonly Row[];
  /** Findings by row id. A row without a finding is a fault. */
  measure(bench: Bench): Promise<Readonly<Record<string, Finding>>>;
}

/** What a measurement gets. */
export interface Bench {
  /** Fewer bytes; as many runs. */
  readonly isQuick: boolean;
  /** At least five: median and worst of fewer say nothing. */
  readonly runs: number;
  /** A folder of this subject's own, on disk; removed afterwards. */
  readonly dir: string;
  /** Another one, in memory where there is some. */
  readonly memoryDir: string;
  /** Folder with recorded traces, where there is one. */
  readonly traces?: string | undefined;
  /** A compiled file of the bench, to be run as a process. */
  entry(name: string): string;
  /** Progress, for people. */
  say(text: string): void;
}
