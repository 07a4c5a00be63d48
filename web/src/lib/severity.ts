// How bad something is that a scanner has found.
import type { Schemas } from './api';

export const LEVELS = ['critical', 'high', 'medium', 'low', 'negligible', 'unknown'] as const;
export type Counts = Schemas['SeverityView'];

export const severityTone = (level: string): string => ({ critical: 'bad', high: 'bad', medium: 'warn' })[level] ?? '';

/** The levels that something was found of, the worst first. */
export const foundLevels = (counts: Counts): [string, number][] =>
  LEVELS.filter((level) => counts[level] > 0).map((level) => [level, counts[level]]);

/** One after another, as words. */
export const countsInWords = (counts: Counts): string =>
  foundLevels(counts).map(([level, many]) => `${many} ${level}`).join(', ') || 'nothing';
