// The query thread's side of a directory of files: its tables, and what statements read from it.
import { type FilesSource, filesSource } from '../remote/files/files-source.ts';
import { missingInFiles } from '../remote/files/missing-in-files.ts';
import { divideStatement, type Statement } from '../sql/sql.ts';
import type { FilesPlace, OpenedStore } from './messages.ts';
import { type ReadOptions, redactedBy, type StoreRead } from './store-link.ts';

export class FilesLink {
	readonly source: FilesSource;
	readonly #place: FilesPlace;

	/** Throws a UserError if the directory has no files of exchanges. */
	constructor(place: FilesPlace) {
		this.#place = place;
		this.source = filesSource(place.directory, place.user);
	}

	/** Reads the rows that a statement needs. */
	async read(
		statement: Statement,
		{ redactor, onRows, again, ...options }: ReadOptions,
		signal: AbortSignal,
	): Promise<StoreRead> {
		const shown = redactedBy(redactor);
		const divided = divideStatement(statement, { ...options, source: this.source, computer: undefined, shown });
		if (statement.kind === 'explain')
			return { statement, fetched: new Map(), explained: divided.explain(), missing: [] };
		const fetched = await divided.fetch(signal, onRows);
		return { statement, fetched, explained: [], missing: await missingInFiles(this.source, divided.reads, signal) };
	}

	/** Files have no limits of their own. */
	setLimits(): void {}

	get opened(): OpenedStore {
		return { place: this.#place };
	}

	/** Nothing runs elsewhere. */
	async settled(): Promise<void> {}

	close(): void {}
}
