// The query thread's side of the attached recordings: their tables, and snapshots of those that a statement reads. The
// table `t` of the recording `a` has the key `a.t`.
import type { MessagePort } from 'node:worker_threads';
import { redactedTables } from '../output/redacted-tables.ts';
import type { Redactor } from '../output/redaction.ts';
import { type CaptureSnapshot, openDatabase, snapshotMask, TABLES } from '../store/database.ts';
import { lostBytes, lostEvents } from '../store/loss-table.ts';
import { NameBook } from '../store/remote-names.ts';
import type { Column, TableSnapshot } from '../store/table.ts';
import type { AttachedLoss } from './messages.ts';
import { SnapshotSource } from './snapshot-source.ts';

/** What a statement reads from the attached recordings. */
export type AttachedRead = {
	readonly tables: ReadonlyMap<string, TableSnapshot>;
	/** The same tables without their secrets. */
	readonly redacted: (redactor: Redactor) => ReadonlyMap<string, TableSnapshot>;
	/** Of the recordings with loss. */
	readonly loss: readonly AttachedLoss[];
	readonly release: () => void;
};

/** A recording of which a statement reads tables. */
type Part = {
	readonly schema: string;
	readonly source: SnapshotSource;
	readonly snapshot: CaptureSnapshot;
	readonly database: ReturnType<typeof openDatabase>;
};

export class AttachedTables {
	/** Undefined for a recording whose port has not arrived. */
	readonly #sources = new Map<string, SnapshotSource | undefined>();

	constructor(names: readonly string[]) {
		for (const name of names) this.#sources.set(name, undefined);
	}

	/** All tables with their columns. */
	get columns(): (readonly [key: string, table: { readonly columns: readonly Column[] }])[] {
		return [...this.#sources.keys()].flatMap((schema) =>
			TABLES.map(({ name, columns }) => [`${schema}.${name}`, { columns }] as const),
		);
	}

	add(name: string, port: MessagePort, signals: SharedArrayBuffer): void {
		const source = new SnapshotSource(signals, new NameBook());
		source.connect(port, ({ snapshot }) => source.release(snapshot));
		this.#sources.set(name, source);
	}

	remove(name: string): void {
		this.#sources.get(name)?.close();
		this.#sources.delete(name);
	}

	/** Takes snapshots of the recordings that have one of these tables. */
	async read(keys: readonly string[]): Promise<AttachedRead> {
		const parts: Part[] = [];
		for (const [schema, source] of this.#sources) {
			const prefix = `${schema}.`;
			const names = keys.filter((key) => key.startsWith(prefix)).map((key) => key.slice(prefix.length));
			if (names.length === 0 || source === undefined) continue;
			const snapshot = await source.snapshot(snapshotMask(names));
			parts.push({ schema, source, snapshot, database: openDatabase(snapshot, source.cache) });
		}
		const keyed = (schema: string, tables: ReadonlyMap<string, TableSnapshot>) =>
			[...tables].map(([name, table]) => [`${schema}.${name}`, table] as const);
		return {
			tables: new Map(parts.flatMap(({ schema, database }) => keyed(schema, database.tables))),
			redacted: (redactor) =>
				new Map(
					parts.flatMap(({ schema, source, database }) => {
						const names = () => source.cache.names.learn(database.exchanges);
						return keyed(schema, redactedTables(database, database, names, redactor).tables);
					}),
				),
			loss: parts
				.map(({ schema, snapshot: { loss } }) => {
					return { name: schema, lostEvents: lostEvents(loss), lostBytes: lostBytes(loss) };
				})
				.filter((each) => each.lostEvents > 0),
			release: () => {
				for (const { source, snapshot } of parts) source.release(snapshot);
			},
		};
	}
}
