// All tables at one instant, built from the capture thread's snapshot.
import * as layout from '../../decoder-as/assembly/wire/output-layout.ts';
import type { TlsLibrary } from '../capture/tls-library.ts';
import { BLIND_SPOT_COLUMNS, CONNECTION_COLUMNS, EVENT_COLUMNS, entryOffsets, entryTable } from './entry-table.ts';
import type { StoreSnapshot } from './exchange-store.ts';
import { EXCHANGE_COLUMNS, exchangeTable, INFLIGHT_COLUMNS, inflightTable } from './exchange-table.ts';
import { HEADER_COLUMNS, headerTable } from './header-table.ts';
import { LOSS_COLUMNS, type LossTotal, lossTable } from './loss-table.ts';
import type { MessageSnapshot } from './message-log.ts';
import { MESSAGE_COLUMNS, messageTable } from './message-table.ts';
import { NameBook } from './remote-names.ts';
import type { SegmentRows } from './row-locator.ts';
import { entryBytes, segmentsOfEntries } from './row-writer.ts';
import { openSegment, type Segment } from './segment.ts';
import type { Column, DatabaseSnapshot, TableSnapshot } from './table.ts';
import { TLS_LIBRARY_COLUMNS, tlsLibraryTable } from './tls-library-table.ts';

/** What the capture thread sends for one statement. */
export type CaptureSnapshot = {
	readonly store: StoreSnapshot;
	/** Only if asked for. */
	readonly messages?: MessageSnapshot;
	/** The decoder's entries as requested: open exchanges, live and closed connections, recent events, blind spots. */
	readonly entries: ArrayBuffer;
	readonly loss: readonly LossTotal[];
	/** Only if asked for. */
	readonly tlsLibraries?: readonly TlsLibrary[];
	/** Microseconds since the epoch. */
	readonly nowUs: number;
};

/** The captured tables with their columns, in the order `.tables` lists them. */
export const TABLES: readonly { readonly name: string; readonly columns: readonly Column[]; readonly needs: number }[] =
	[
		{ name: 'exchanges', columns: EXCHANGE_COLUMNS, needs: layout.SNAPSHOT_EXCHANGES },
		{ name: 'headers', columns: HEADER_COLUMNS, needs: layout.SNAPSHOT_EXCHANGES },
		{ name: 'messages', columns: MESSAGE_COLUMNS, needs: layout.SNAPSHOT_MESSAGES },
		{ name: 'connections', columns: CONNECTION_COLUMNS, needs: layout.SNAPSHOT_CONNECTIONS },
		{ name: 'events', columns: EVENT_COLUMNS, needs: layout.SNAPSHOT_EVENTS },
		{ name: 'inflight', columns: INFLIGHT_COLUMNS, needs: layout.SNAPSHOT_EXCHANGES },
		{ name: 'loss', columns: LOSS_COLUMNS, needs: 0 },
		{ name: 'blind_spots', columns: BLIND_SPOT_COLUMNS, needs: layout.SNAPSHOT_BLIND_SPOTS },
		{ name: 'tls_libraries', columns: TLS_LIBRARY_COLUMNS, needs: layout.SNAPSHOT_TLS_LIBRARIES },
	];

/** The SNAPSHOT_* mask for a statement that reads these tables. */
export function snapshotMask(tables: Iterable<string>): number {
	let mask = 0;
	for (const name of tables) mask |= TABLES.find((table) => table.name === name)?.needs ?? 0;
	return mask;
}

/** `start`: how many rows were appended before the segment's first one. */
export type CommittedRows = SegmentRows & { readonly start: number };

/** Opens each segment once and keeps it as long as it exists, so that decoded texts stay cached. */
export class SegmentCache {
	/** Names of addresses, learned from the rows. */
	readonly names: NameBook;
	#segments = new Map<number, Segment>();

	constructor(names = new NameBook()) {
		this.names = names;
	}

	open(store: StoreSnapshot): CommittedRows[] {
		const kept = new Map<number, Segment>();
		const parts = store.segments.map(({ handle, start, first, rows }) => {
			const segment = this.#segments.get(handle.number) ?? openSegment(handle);
			kept.set(handle.number, segment);
			return { segment, start, first, rows };
		});
		this.#segments = kept;
		return parts;
	}
}

/** The tables of a snapshot, and the stored rows of two of them: `exchanges` and `inflight`. */
export function openDatabase(
	snapshot: CaptureSnapshot,
	cache: SegmentCache,
): DatabaseSnapshot & { readonly exchanges: SegmentRows[]; readonly inflight: SegmentRows[] } {
	const committed = cache.open(snapshot.store);
	const entries = entryBytes(snapshot.entries);
	const openOffsets = entryOffsets(entries, snapshot.entries.byteLength, layout.ENTRY_EXCHANGE);
	const open: SegmentRows[] = segmentsOfEntries(entries, openOffsets).map((part) => ({ ...part, first: 0 }));
	const all = [...committed, ...open];
	const tables = new Map<string, TableSnapshot>();
	const names = () => cache.names.learn(all);
	tables.set('exchanges', exchangeTable(all, names));
	tables.set('inflight', inflightTable(open, snapshot.nowUs, names));
	tables.set(
		'headers',
		lazyTable('headers', HEADER_COLUMNS, () => headerTable(all)),
	);
	tables.set('messages', messageTable(snapshot.messages));
	tables.set('connections', entryTable('connections', CONNECTION_COLUMNS, layout.ENTRY_CONNECTION, snapshot.entries));
	tables.set('events', entryTable('events', EVENT_COLUMNS, layout.ENTRY_EVENT, snapshot.entries));
	tables.set('blind_spots', entryTable('blind_spots', BLIND_SPOT_COLUMNS, layout.ENTRY_BLIND_SPOT, snapshot.entries));
	tables.set('loss', lossTable(snapshot.loss));
	tables.set('tls_libraries', tlsLibraryTable(snapshot.tlsLibraries ?? []));
	return { tables, exchanges: all, inflight: open };
}

/** Creates a table on first use, because `headers` must count the field lines of all exchanges. */
function lazyTable(name: string, columns: readonly Column[], make: () => TableSnapshot): TableSnapshot {
	let made: TableSnapshot | undefined;
	const table = () => {
		made ??= make();
		return made;
	};
	return {
		name,
		columns,
		get rowCount() {
			return table().rowCount;
		},
		reader: (index) => table().reader(index),
		find: (index, value) => table().find?.(index, value),
	};
}
