// What `tinytap tail` prints: its own options, checked, and the query that they name.
import { UserError, usageError } from '../base/errors.ts';
import { parseDuration } from '../base/quantity.ts';
import { printsExchanges, type RowByRowFormat } from '../output/result-format.ts';
import { splitParameter } from '../shell/parameters.ts';
import { scriptValues } from '../shell/query-values.ts';
import { quotedWords } from '../shell/quoted-words.ts';
import type { Step } from '../shell/script.ts';
import type { ParameterValue } from '../store/table.ts';
import { findScript } from './named-query.ts';
import type { Options } from './options.ts';

/** The command's own options, as commander returns them. */
export type TailOptions = {
	readonly where?: string;
	readonly columns?: string;
	readonly bodies?: boolean;
	readonly messages?: boolean;
	readonly query?: string;
	readonly set?: readonly string[];
	readonly every?: string;
	readonly exec?: string;
};

/** A saved query or file with one statement. */
export type TailQuery = {
	/** The name given. */
	readonly name: string;
	/** The file, for errors. */
	readonly place: string;
	readonly step: Extract<Step, { type: 'statement' }>;
	readonly parameters: readonly (readonly [string, ParameterValue])[];
	/** Undefined if `--every` was not given. */
	readonly everyMs: number | undefined;
};

export type TailPlan = {
	readonly where: string | undefined;
	readonly columns: string | undefined;
	readonly bodies: boolean;
	/** Rows of `messages` instead of `exchanges`. */
	readonly messages: boolean;
	readonly query: TailQuery | undefined;
	/** The words of `--exec`. */
	readonly exec: readonly string[] | undefined;
	/** Undefined if none was chosen. */
	readonly format: RowByRowFormat | undefined;
};

/** A shorter time would only keep the machine busy. */
const EVERY_LEAST_MS = 100;

/** Throws a UserError if the options do not fit together, or the query cannot be read. */
export function planTail(options: Options, own: TailOptions): TailPlan {
	const { where, columns, bodies = false, messages = false, exec } = own;
	if (own.query !== undefined) {
		const other = (['where', 'columns', 'bodies', 'messages'] as const).find((name) => own[name] !== undefined);
		if (other !== undefined)
			throw usageError(
				`expected --query or --${other}, got both`,
				'A query chooses its own rows and columns: SELECT … FROM exchanges WHERE …',
			);
	} else {
		const other = (['every', 'set'] as const).find((name) => own[name] !== undefined);
		if (other !== undefined) throw usageError(`--${other}: expected it together with --query NAME`);
	}
	if (bodies && messages)
		throw usageError('expected --bodies or --messages, got both', '--messages prints the messages inside bodies.');
	if (messages && options.store !== undefined)
		throw usageError('--messages: a store has no messages', 'Without --store, those of this host are printed.');
	if (where?.trim() === '')
		throw usageError('--where: expected an SQL condition, got nothing', '--where "status >= 400"');
	if (columns?.trim() === '')
		throw usageError('--columns: expected columns or expressions, got nothing', '--columns "ts, path, status"');
	const format = formatOf(options);
	if (exec !== undefined && options.safe) {
		throw new UserError(
			'--exec is refused with --safe',
			'ERR_SAFE',
			'Pipe the rows instead: --format ndjson | COMMAND.',
		);
	}
	if (exec !== undefined && format !== undefined && format !== 'ndjson')
		throw usageError(
			`--exec: expected no format or ndjson, got ${format}`,
			'The program reads one JSON object per line.',
		);
	return {
		where,
		columns,
		bodies,
		messages,
		query: own.query === undefined ? undefined : readQuery(options, own.query, own),
		exec: exec === undefined ? undefined : quotedWords(exec, '--exec'),
		format: exec === undefined ? format : 'ndjson',
	};
}

function formatOf({ presentation: { format } }: Options): RowByRowFormat | undefined {
	if (format === undefined || format === 'auto') return undefined;
	if (!printsExchanges(format) && format !== 'parquet') return format;
	throw usageError(
		`expected a row format for tail, got ${format}, which is a single document`,
		`Use \`tinytap query "SELECT ${format === 'har' ? 'id' : '*'} FROM exchanges" --format ${format}\`.`,
	);
}

function readQuery(options: Options, name: string, { set = [], every }: TailOptions): TailQuery {
	const everyMs = every === undefined ? undefined : parseDuration(every, '--every');
	if (everyMs !== undefined && everyMs < EVERY_LEAST_MS)
		throw usageError(`--every: expected at least ${EVERY_LEAST_MS}ms, got ${every}`);
	const { script, place } = findScript(options, name);
	const given = set.map((text) => splitParameter(text, '--set'));
	const parameters = scriptValues(script, given, []);
	const [step, ...others] = script.steps;
	if (step?.type !== 'statement' || others.length > 0) {
		const got = step === undefined ? 'nothing' : others.length > 0 ? `${script.steps.length} steps` : 'a command';
		throw usageError(
			`--query: expected one SELECT in ${place}, got ${got}`,
			'`tinytap run` runs scripts with several statements.',
		);
	}
	return { name, place, step, parameters, everyMs };
}
