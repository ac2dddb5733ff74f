/** Something that must not be: the rule that it breaks, and what was seen. */
export interface Finding {
  readonly jobId: string;
  readonly rule: string;
  readonly what: string;
}
