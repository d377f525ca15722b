// Metrics in Prometheus's text format.

import { LOSS_REASONS } from '../store/loss-table.ts';
import type { CaptureTotals } from '../threads/messages.ts';
import { DURATION_BOUNDS } from './duration-histogram.ts';
import { type ExchangeCounts, SIDES } from './exchange-counts.ts';
import type { UploadCounts } from './upload-counts.ts';

/** What can be measured at one moment. */
export type Measured = {
	readonly version: string;
	readonly startSeconds: number;
	readonly isCapturing: boolean;
	readonly rows: number;
	readonly tableBytes: number;
	readonly residentBytes: number;
	readonly totals: CaptureTotals;
	readonly counts: ExchangeCounts;
	/** Undefined without --otlp. */
	readonly uploads: UploadCounts | undefined;
};

type Labels = Readonly<Record<string, string>>;
type Sample = readonly [labels: Labels, value: number, suffix?: string];

/** A metric: its type, its text for HELP, and its samples. */
type Metric = {
	readonly name: string;
	readonly type: 'counter' | 'gauge' | 'histogram';
	readonly help: string;
	readonly samples: (measured: Measured) => readonly Sample[];
};

const single = (value: number): readonly Sample[] => [[{}, value]];

/** All metrics, in the order in which they are written. */
export const METRICS: readonly Metric[] = [
	{
		name: 'tinytap_exchanges_total',
		type: 'counter',
		help: 'HTTP exchanges that ended; status_class is none if there was no response, method is none if the request was not seen',
		samples: ({ counts }) => counts.exchanges.map(({ labels, count }) => [labels, count]),
	},
	{
		name: 'tinytap_exchange_duration_seconds',
		type: 'histogram',
		help: "time from the request's first byte to the response's last byte",
		samples: ({ counts }) => counts.durations.flatMap(({ labels, histogram }) => histogramSamples(labels, histogram)),
	},
	{
		name: 'tinytap_request_body_bytes_total',
		type: 'counter',
		help: 'bytes of request bodies after transfer decoding',
		samples: ({ counts }) => SIDES.map((side) => [{ side }, counts.bodyBytes.request[side]]),
	},
	{
		name: 'tinytap_response_body_bytes_total',
		type: 'counter',
		help: 'bytes of response bodies after transfer decoding',
		samples: ({ counts }) => SIDES.map((side) => [{ side }, counts.bodyBytes.response[side]]),
	},
	{
		name: 'tinytap_loss_events_total',
		type: 'counter',
		help: 'how often something was not captured, by reason, as in the table loss',
		samples: ({ totals }) => LOSS_REASONS.map(({ reason, kind }, i) => [{ reason, kind }, totals.loss[i]?.events ?? 0]),
	},
	{
		name: 'tinytap_loss_bytes_total',
		type: 'counter',
		help: 'bytes not captured, by reason, as in the table loss',
		samples: ({ totals }) => LOSS_REASONS.map(({ reason, kind }, i) => [{ reason, kind }, totals.loss[i]?.bytes ?? 0]),
	},
	{
		name: 'tinytap_blind_spots',
		type: 'gauge',
		help: 'processes with traffic that cannot be seen, as in the table blind_spots',
		samples: ({ totals }) => totals.blindSpots.map(([what, processes]) => [{ what }, processes]),
	},
	{
		name: 'tinytap_rows_total',
		type: 'counter',
		help: 'rows added to the table exchanges, evicted ones included',
		samples: ({ rows }) => single(rows),
	},
	{
		name: 'tinytap_table_bytes',
		type: 'gauge',
		help: 'memory of the rows',
		samples: ({ tableBytes }) => single(tableBytes),
	},
	{
		name: 'tinytap_resident_memory_bytes',
		type: 'gauge',
		help: 'resident memory of the process',
		samples: ({ residentBytes }) => single(residentBytes),
	},
	{
		name: 'tinytap_capturing',
		type: 'gauge',
		help: '1 while the capture runs, 0 when it has ended',
		samples: ({ isCapturing }) => single(isCapturing ? 1 : 0),
	},
	{
		name: 'tinytap_start_time_seconds',
		type: 'gauge',
		help: 'when tinytap began to count, in seconds since 1970',
		samples: ({ startSeconds }) => single(startSeconds),
	},
	{
		name: 'tinytap_build_info',
		type: 'gauge',
		help: 'the version of tinytap; always 1',
		samples: ({ version }) => [[{ version }, 1]],
	},
	{
		name: 'tinytap_otlp_spans_total',
		type: 'counter',
		help: 'spans with --otlp: sent, rejected by the collector, dropped here, or not sampled',
		samples: ({ uploads }) =>
			uploads === undefined ? [] : Object.entries(uploads.spans).map(([outcome, n]) => [{ outcome }, n]),
	},
	{
		name: 'tinytap_otlp_requests_total',
		type: 'counter',
		help: 'requests to the collector: accepted, to be repeated, or failed',
		samples: ({ uploads }) =>
			uploads === undefined
				? []
				: (['traces', 'metrics'] as const).flatMap((signal) =>
						Object.entries(uploads.requests[signal]).map(([outcome, n]): Sample => [{ signal, outcome }, n]),
					),
	},
];

/** Writes all metrics that have samples. */
export function prometheusText(measured: Measured): string {
	return METRICS.map(({ name, type, help, samples }) => {
		const lines = samples(measured).map(
			([labels, value, suffix = '']) => `${name}${suffix}${labelText(labels)} ${numberText(value)}\n`,
		);
		return lines.length === 0
			? ''
			: `# HELP ${name} ${escaped(help, false)}\n# TYPE ${name} ${type}\n${lines.join('')}`;
	}).join('');
}

/** The first characters of every file of metrics. */
export const FIRST_CHARACTERS = `# HELP tinytap_`;

function histogramSamples(
	labels: Labels,
	{ buckets, count, sum }: { buckets: readonly number[]; count: number; sum: number },
): Sample[] {
	let below = 0;
	const cumulative = DURATION_BOUNDS.map((bound, i): Sample => {
		below += buckets[i]!;
		return [{ ...labels, le: String(bound) }, below, '_bucket'];
	});
	return [
		...cumulative,
		[{ ...labels, le: '+Inf' }, count, '_bucket'],
		[labels, sum, '_sum'],
		[labels, count, '_count'],
	];
}

function labelText(labels: Labels): string {
	const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value, true)}"`);
	return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}

function escaped(text: string, isQuoted: boolean): string {
	const plain = text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
	return isQuoted ? plain.replaceAll('"', '\\"') : plain;
}

function numberText(value: number): string {
	if (Number.isNaN(value)) return 'NaN';
	return Number.isFinite(value) ? String(value) : value > 0 ? '+Inf' : '-Inf';
}
