// Expressions in ClickHouse's SQL, and why some cannot be written in it.
import type { Bound, Value } from '../../sql/sql-plans.ts';

/**
 * What an expression has in ClickHouse. `truth` is 1 or 0; `instant` and `interval` are microseconds (since 1970) as Int64;
 * `null` is NULL, whatever its type.
 */
export type Kind = 'int' | 'truth' | 'real' | 'text' | 'instant' | 'interval' | 'null';

export type Translated = {
	readonly text: string;
	readonly kind: Kind;
	readonly nullable: boolean;
	/** For instants of a column: the stored time, by which rows are found fast. */
	readonly time?: { readonly column: string; readonly type: 'seconds' | 'microseconds' } | undefined;
};

/** Reads the arguments of a function. */
export type Translator = {
	/** Throws NotThere. */
	readonly value: (expression: Bound) => Translated;
	/** The value of a constant, which is computed here; undefined if that fails. */
	readonly constantValue: (expression: Bound) => Value | undefined;
};

/** The part cannot be computed in ClickHouse with the same result. */
export class NotThere extends Error {}

/** Throws. `because` completes `computed here, because …`. */
export function refuse(because: string): never {
	throw new NotThere(because);
}

/** Longer expressions are refused: those of nested arithmetic repeat their operands. */
const MAX_TEXT = 20_000;

export function translated(text: string, kind: Kind, nullable: boolean): Translated {
	if (text.length > MAX_TEXT) refuse('an expression is too long');
	return { text, kind, nullable };
}

/** The kind that values have in common; undefined if there is none. */
export function commonKind(parts: readonly Translated[]): Kind | undefined {
	const kinds = new Set(parts.map(({ kind }) => (kind === 'truth' ? 'int' : kind)).filter((kind) => kind !== 'null'));
	if (kinds.size === 0) return 'null';
	return kinds.size === 1 ? [...kinds][0] : undefined;
}

/** An integer as Int64. */
export function asInt({ text, kind }: Translated): string {
	return kind === 'truth' ? `toInt64(${text})` : text;
}

/** A number as Float64. */
export function asReal({ text, kind }: Translated): string {
	return kind === 'real' ? text : `toFloat64(${text})`;
}

/** Refused by the store when it runs, if `condition` is true for any row. Then the statement runs here. */
export function unless(condition: string): string {
	return `throwIf(ifNull(${condition}, 0), 'tinytap')`;
}

/** Far below the largest 64-bit integer, and exact enough as a double. */
export const MUCH = '9e18';
