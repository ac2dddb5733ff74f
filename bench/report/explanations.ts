/** Why a goal is not met, by row id: what was measured that shows the reason. Told in docs/performance.md. */
export const explanations: Readonly<Record<string, string>> = {};
