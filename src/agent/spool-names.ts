// The names of files in the spool. A name says everything that must survive a crash: which rows a file has, and which are
// lost.
import { GAP_REASONS, type GapReason, STORE_TABLES, type StoreTableName } from './store-tables.ts';

/** Rows `first` … `first + rows - 1` of a run. */
export type RowRange = {
	/** When the agent started, in milliseconds since 1970. */
	readonly run: number;
	/** 0: the rows never got a number. */
	readonly first: number;
	/** Null: not known. */
	readonly rows: number | null;
	/** The times of the rows, in microseconds since 1970. */
	readonly fromUs: number;
	readonly toUs: number;
};

/**
 * What a file of the spool is: rows being collected, rows to be sent, rows that the store has rejected, or (an empty
 * file) a gap to be told to the store.
 */
export type SpoolName =
	| {
			readonly kind: 'open' | 'ready' | 'rejected';
			readonly form: RowForm;
			readonly table: AgentTable;
			readonly range: RowRange;
	  }
	| { readonly kind: 'gap'; readonly reason: GapReason; readonly table: AgentTable; readonly range: RowRange };

/** How rows are written: as lines of JSON, or as blocks (row-block.ts). */
export type RowForm = 'lines' | 'blocks';

/** The tables whose rows agents collect. Those of `gaps` are made of gaps. */
export type AgentTable = Exclude<StoreTableName, 'gaps'>;

const ENDINGS = {
	lines: { open: 'ndjson', ready: 'ndjson.gz', rejected: 'rejected.gz' },
	blocks: { open: 'native.part', ready: 'native.gz', rejected: 'native.rejected.gz' },
} as const;
const FORMS = ['lines', 'blocks'] as const;
const NAME =
	/^(\d+)-(\d+)-(\d+|x)-(\d+)-(\d+)\.([a-z_]+)\.(?:gap\.([a-z-]+)|(ndjson|ndjson\.gz|native\.part|native\.gz|(?:native\.)?rejected\.gz))$/;

/** Numbers have leading zeros, so that names sort as rows do. */
export function formatSpoolName(name: SpoolName): string {
	const { run, first, rows, fromUs, toUs } = name.range;
	const stem = [digits(run, 14), digits(first, 12), rows ?? 'x', fromUs, toUs].join('-');
	return `${stem}.${name.table}.${name.kind === 'gap' ? `gap.${name.reason.replaceAll(' ', '-')}` : ENDINGS[name.form][name.kind]}`;
}

/** Undefined for any other file. */
export function parseSpoolName(text: string): SpoolName | undefined {
	const match = NAME.exec(text);
	if (match === null) return undefined;
	const [, run, first, rows, fromUs, toUs, tableText, reasonText, ending] = match;
	const table = STORE_TABLES.map(({ name }) => name).find((name) => name === tableText);
	if (table === undefined || table === 'gaps') return undefined;
	const range = {
		run: Number(run),
		first: Number(first),
		rows: rows === 'x' ? null : Number(rows),
		fromUs: Number(fromUs),
		toUs: Number(toUs),
	};
	if (reasonText !== undefined) {
		const reason = GAP_REASONS.find((each) => each.replaceAll(' ', '-') === reasonText);
		return reason === undefined ? undefined : { kind: 'gap', reason, table, range };
	}
	for (const form of FORMS) {
		const kind = (['open', 'ready', 'rejected'] as const).find((each) => ENDINGS[form][each] === ending);
		if (kind !== undefined) return { kind, form, table, range };
	}
	return undefined;
}

function digits(value: number, length: number): string {
	return String(value).padStart(length, '0');
}

/** Whether all rows of `inner` are among those of `outer`. */
export function covers(outer: RowRange, inner: RowRange): boolean {
	if (outer.run !== inner.run || outer.first === 0 || inner.first === 0) return false;
	return outer.first <= inner.first && endOf(inner) <= endOf(outer);
}

/** One range for both, if the second follows the first. */
export function joined(one: RowRange, next: RowRange): RowRange | undefined {
	if (one.run !== next.run || one.first === 0 || one.rows === null || next.rows === null) return undefined;
	if (endOf(one) !== next.first) return undefined;
	return {
		...one,
		rows: one.rows + next.rows,
		fromUs: Math.min(one.fromUs, next.fromUs),
		toUs: Math.max(one.toUs, next.toUs),
	};
}

function endOf({ first, rows }: RowRange): number {
	return first + (rows ?? 0);
}
