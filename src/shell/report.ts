// Writes a report: a page with exchanges, into a new file, which is either complete or absent.
import { basename, extname } from 'node:path';
import { usageError } from '../base/errors.ts';
import { version } from '../base/installation.ts';
import type { InvokingUser } from '../base/invoking-user.ts';
import { withoutBodies } from '../output/left-out-bodies.ts';
import { redactExchange } from '../output/redacted-exchange.ts';
import type { Redactor } from '../output/redaction.ts';
import { DETAILS_PER_PART, ReportBuilder } from '../report/report-builder.ts';
import type { ReportSummary } from '../report/report-data.ts';
import { ALL_BODIES_BYTES, BODY_BYTES, fairLimit, MOST_EXCHANGES } from '../report/report-limits.ts';
import { type PageCode, pageCode, reportPage } from '../report/report-page.ts';
import type { SqlValue } from '../store/table.ts';
import type { RunOptions, Threads } from '../threads/threads.ts';
import { ExportStatement, explainedExport, intoNewFile } from './export.ts';
import { withoutSecrets } from './history-secrets.ts';
import type { PrintStyle } from './result-printer.ts';
import type { Sink } from './sink.ts';

export type Report = {
	readonly path: string;
	/** An SQL condition; undefined: all exchanges. */
	readonly where: string | undefined;
	/** An SQL condition; other exchanges are written without their bodies. Undefined: none are. */
	readonly keepBodies?: string | undefined;
	/** Null: secrets stay. */
	readonly redactor: Redactor | null;
	/** Replace an existing file. */
	readonly force: boolean;
};

export type ReportWays = {
	readonly threads: Pick<Threads, 'run' | 'recording'>;
	readonly user: InvokingUser;
	readonly parameters: RunOptions['parameters'];
	/** 0 if there is no limit. */
	readonly timeoutMs: number;
	/** Looks up exchanges by id. Rejects once the report is cancelled. */
	readonly exchanges: PrintStyle['exchanges'];
	/** The page's own code; the installed one if undefined. */
	readonly code?: PageCode;
	readonly now?: Date;
	/** Maximum number of exchanges, for tests. */
	readonly most?: number;
};

export type Reported = Pick<ReportSummary, 'matched' | 'shown'> & {
	readonly lostEvents: number;
	readonly lostBytes: number;
};

/** Throws a UserError unless a browser would take a file of this name for a page. */
export function requirePageName(what: string, path: string): void {
	if (/^\.html?$/i.test(extname(path))) return;
	throw usageError(`${what}: expected a file that ends in .html, got ${JSON.stringify(path)}`);
}

/** Writes the report. Throws a UserError; then the file does not exist, or is unchanged if it was to be replaced. */
export async function writeReport(wanted: Report, ways: ReportWays): Promise<Reported> {
	const code = ways.code ?? pageCode();
	const statement = new ExportStatement(COLUMNS, wanted);
	return await intoNewFile(wanted.path, ways.user, wanted.force, async (sink) => {
		try {
			return await fill(sink, code, statement, wanted, ways);
		} catch (error) {
			throw explainedExport(error, 'report', wanted.path, statement);
		}
	});
}

/** Whether the exchange keeps its bodies follows as another column, if that was asked for. */
const COLUMNS = 'SELECT id, path_shape(path), req_captured_bytes, res_captured_bytes, content_encoding';

async function fill(
	sink: Sink,
	code: PageCode,
	{ sql }: ExportStatement,
	wanted: Report,
	ways: ReportWays,
): Promise<Reported> {
	const { redactor } = wanted;
	const found = await findExchanges(sql, wanted, ways);
	const builder = new ReportBuilder(found.bodyLimit);
	let shown = 0;
	let at = 0;
	for await (const exchange of ways.exchanges(found.rows.map(({ id }) => id))) {
		const { template, keepsBodies } = found.rows[at++]!;
		// One that was evicted in the meantime is missing.
		if (exchange === undefined) continue;
		const shared = redactor === null ? exchange : redactExchange(exchange, redactor);
		builder.add(keepsBodies ? shared : withoutBodies(shared), template);
		shown++;
	}
	const summary: ReportSummary = {
		version: version(),
		madeAt: (ways.now ?? new Date()).toISOString(),
		recording: ways.threads.recording === undefined ? null : basename(ways.threads.recording),
		where: shownCondition(wanted),
		redacted: redactor !== null,
		...{ matched: found.matched, shown },
		left: {
			bodyLimit: found.bodyLimit,
			cutBodies: builder.cutBodies,
			cutHeads: builder.cutHeads,
			cutItems: builder.cutItems,
		},
		...(await factsOfCapture(wanted, ways)),
		detailsPerPart: DETAILS_PER_PART,
	};
	for (const piece of reportPage(code, summary, builder.rows(), builder.details())) await sink.write(piece);
	const { lostEvents, lostBytes } = found;
	return { matched: found.matched, shown, lostEvents, lostBytes };
}

function shownCondition({ where, redactor }: Report): string | null {
	if (where === undefined) return null;
	return redactor === null ? where : withoutSecrets(where);
}

type FoundRow = { readonly id: number; readonly template: string | null; readonly keepsBodies: boolean };

type Found = Pick<Reported, 'matched' | 'lostEvents' | 'lostBytes'> & {
	/** The latest exchanges that match, in order. */
	readonly rows: readonly FoundRow[];
	readonly bodyLimit: number;
};

async function findExchanges(sql: string, { keepBodies, redactor }: Report, ways: ReportWays): Promise<Found> {
	const most = ways.most ?? MOST_EXCHANGES;
	let rows: (readonly SqlValue[])[] = [];
	let matched = 0;
	let lost = { lostEvents: 0, lostBytes: 0 };
	const { parameters, timeoutMs } = ways;
	for await (const part of ways.threads.run(sql, { parameters, timeoutMs, redact: redactor !== null })) {
		if (part.type === 'done') lost = { lostEvents: part.lostEvents, lostBytes: part.lostBytes };
		if (part.type !== 'rows') continue;
		matched += part.rows.length;
		rows.push(...part.rows);
		if (rows.length > 2 * most) rows = rows.slice(-most);
	}
	rows = rows.slice(-most);
	const keeps = (row: readonly SqlValue[]) => keepBodies === undefined || row[5] === 1;
	// Nobody knows how large a compressed body is before it is decoded.
	const sizes = rows
		.filter(keeps)
		.flatMap(([, , req, res, coding]) => [Number(req ?? 0), coding === null ? Number(res ?? 0) : BODY_BYTES]);
	return {
		...{ matched, ...lost },
		rows: rows.map((row) => ({ id: Number(row[0]), template: textOf(row[1]), keepsBodies: keeps(row) })),
		bodyLimit: fairLimit(sizes, ALL_BODIES_BYTES, BODY_BYTES),
	};
}

function textOf(value: SqlValue | undefined): string | null {
	return value === null || value === undefined ? null : String(value);
}

/** The tables about what the capture could not see. */
async function factsOfCapture(
	{ redactor }: Report,
	{ threads }: ReportWays,
): Promise<Pick<ReportSummary, 'loss' | 'blindSpots' | 'protocols'>> {
	const rowsOf = async (sql: string): Promise<(readonly SqlValue[])[]> => {
		const rows: (readonly SqlValue[])[] = [];
		for await (const part of threads.run(sql, { timeoutMs: 0, redact: redactor !== null }))
			if (part.type === 'rows') rows.push(...part.rows);
		return rows;
	};
	const loss = await rowsOf('SELECT reason, kind, events, bytes, last_ts FROM loss');
	const spots = await rowsOf(
		'SELECT pid, comm, what, evidence, times FROM blind_spots ORDER BY times DESC, what, pid LIMIT 200',
	);
	const protocols = await rowsOf(
		'SELECT protocol, count(*), sum(bytes_in), sum(bytes_out) FROM connections GROUP BY protocol ORDER BY 2 DESC, 1',
	);
	return {
		loss: loss.map(([reason, kind, events, bytes, last]) => ({
			...{
				reason: String(reason),
				kind: String(kind),
				events: Number(events),
				bytes: Number(bytes),
				last: textOf(last),
			},
		})),
		blindSpots: spots.map(([pid, comm, what, evidence, times]) => ({
			pid: pid === null ? null : Number(pid),
			...{ comm: textOf(comm), what: String(what), evidence: textOf(evidence), times: Number(times) },
		})),
		protocols: protocols.map(([protocol, connections, bytesIn, bytesOut]) => ({
			protocol: String(protocol ?? 'unknown'),
			...{ connections: Number(connections), bytesIn: Number(bytesIn ?? 0), bytesOut: Number(bytesOut ?? 0) },
		})),
	};
}

/** `3 exchanges written to calls.html`, and how many were too many. */
export function reportSentence(path: string, { matched, shown }: Pick<Reported, 'matched' | 'shown'>): string {
	const rest = matched > shown ? `, the latest of ${matched}` : '';
	return `${shown} ${shown === 1 ? 'exchange' : 'exchanges'} written to ${path}${rest}`;
}
