// What the whole capture missed: losses, limits, blind spots, and connections that are not HTTP.
import { visibleText } from '../../output/visible-text.ts';
import type { LossRow, ReportSummary } from '../report-data.ts';
import { headOf } from './bytes-view.ts';
import { h } from './dom.ts';
import { bytesText, countText, plural } from './units.ts';

/** Its content does not depend on the filter. */
/** Their exchanges and messages are in the page. */
const READ_PROTOCOLS: ReadonlySet<string> = new Set(['http1', 'http2', 'websocket']);

export function lossView({ loss, blindSpots, protocols }: ReportSummary): HTMLElement {
	const happened = loss.filter(({ events }) => events > 0);
	const lost = happened.filter(({ kind }) => kind === 'lost');
	const designed = happened.filter(({ kind }) => kind !== 'lost');
	const others = protocols.filter(({ protocol }) => !READ_PROTOCOLS.has(protocol));
	return h(
		'div',
		{ class: 'columns' },
		h(
			'section',
			{},
			h('h3', {}, 'Lost'),
			lost.length === 0
				? h('p', { class: 'good' }, 'Nothing was lost.')
				: h(
						'div',
						{ class: 'scroll-x' },
						lossTable(lost),
						h('p', { class: 'note' }, 'Exchanges may be missing or incomplete.'),
					),
		),
		h(
			'section',
			{},
			h('h3', {}, 'Left out by design'),
			designed.length === 0
				? h('p', {}, 'Nothing was left out: no limit was reached.')
				: h('div', { class: 'scroll-x' }, lossTable(designed)),
		),
		h(
			'section',
			{},
			h('h3', {}, 'Blind spots'),
			blindSpots.length === 0
				? h(
						'p',
						{ class: 'good' },
						'No blind spots: no process was seen to move bytes in a way that tinytap does not read.',
					)
				: h(
						'div',
						{ class: 'scroll-x' },
						h(
							'table',
							{ class: 'numbers' },
							headOf(['process', 'text'], ['what', 'text'], ['times', ''], ['evidence', 'text']),
							h(
								'tbody',
								{},
								...blindSpots.map(({ comm, pid, what, times, evidence }) =>
									h(
										'tr',
										{},
										h('th', { scope: 'row', class: 'text' }, `${visibleText(comm ?? '?')} (${pid ?? '?'})`),
										h('td', { class: 'text' }, visibleText(what)),
										h('td', {}, countText(times)),
										h('td', { class: 'text dim wrap' }, visibleText(evidence ?? '')),
									),
								),
							),
						),
					),
		),
		h(
			'section',
			{},
			h('h3', {}, 'Connections that are not HTTP'),
			others.length === 0
				? h('p', {}, 'None were seen.')
				: h(
						'div',
						{ class: 'scroll-x' },
						h(
							'table',
							{ class: 'numbers' },
							headOf(['protocol', 'text'], ['connections', ''], ['bytes in', ''], ['bytes out', '']),
							h(
								'tbody',
								{},
								...others.map(({ protocol, connections, bytesIn, bytesOut }) =>
									h(
										'tr',
										{},
										h('th', { scope: 'row', class: 'text' }, visibleText(protocol)),
										...[countText(connections), bytesText(bytesIn), bytesText(bytesOut)].map((text) =>
											h('td', {}, text),
										),
									),
								),
							),
						),
					),
		),
	);
}

function lossTable(rows: readonly LossRow[]): HTMLElement {
	return h(
		'table',
		{ class: 'numbers' },
		headOf(['reason', 'text'], ['events', ''], ['bytes', ''], ['means', 'text']),
		h(
			'tbody',
			{},
			...rows.map(({ reason, events, bytes }) =>
				h(
					'tr',
					{},
					h('th', { scope: 'row', class: 'text' }, reason),
					...[countText(events), bytesText(bytes)].map((text) => h('td', {}, text)),
					h('td', { class: 'text dim wrap' }, MEANINGS[reason] ?? ''),
				),
			),
		),
	);
}

const MEANINGS: Readonly<Record<string, string>> = {
	ring_full: 'the kernel ring buffer was full; a larger --ring-size or a filter helps',
	map_full: 'too many connections at a time for the table in the kernel',
	fault: "a program's memory could not be read",
	iovec_bound: 'a call had too many buffers',
	decode_gap: 'records or bytes that could not be read',
	table_full: 'too many HTTP connections at a time',
	output_dropped: 'no room for rows, or no time to print them',
	recording_stopped: 'the recording could not be written',
	unseen: 'moved by a call that cannot be read, such as io_uring',
	missed: 'the kernel skipped a program at a call',
	body_limit: 'longer than --body-limit',
	capture_limit: 'more than --call-limit in one call, or cut packets',
	zero_copy: 'sendfile or splice: the bytes were never in a program’s memory',
	peek: 'only looked at, not received',
	excluded: 'left out by a filter, or traffic of tinytap itself',
	evicted: 'older exchanges made room for newer ones; raise --max-memory',
};

/** The number of lost events and bytes. */
export function lostTotal({ loss }: ReportSummary): { readonly events: number; readonly text: string } {
	const lost = loss.filter(({ kind }) => kind === 'lost');
	const events = lost.reduce((sum, row) => sum + row.events, 0);
	const bytes = lost.reduce((sum, row) => sum + row.bytes, 0);
	return { events, text: events === 0 ? 'nothing' : `${plural(events, 'event')}, ${bytesText(bytes)}` };
}
