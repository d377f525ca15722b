// The spool: a directory that keeps every row from the moment the agent gets it until the store has it. Rows are written
// to an open batch as they come, so that a killed agent loses none. A full batch is compressed, synced and renamed; then
// it may be sent, and it is removed when the store has confirmed it. If the spool is full, the oldest batches are replaced
// by notes about the gap, which are sent as rows of the table `gaps`.
import { closeSync, fstatSync, fsyncSync, ftruncateSync, readSync, writeSync } from 'node:fs';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { systemCode } from '../base/errors.ts';
import type { UserDirectory } from '../base/user-files.ts';
import { wallUs } from '../base/wall-clock.ts';
import { formatTimestamp } from '../store/timestamp.ts';
import { jsonText } from './exchange-row.ts';
import { hasSmallBlocks, wholeBlocks, withLargeBlocks } from './row-block.ts';
import {
	type AgentTable,
	covers,
	formatSpoolName,
	joined,
	parseSpoolName,
	type RowForm,
	type RowRange,
	type SpoolName,
} from './spool-names.ts';
import { type GapReason, microsecondsOf, type StoreTableName, storeTable } from './store-tables.ts';

const compress = promisify(gzip);

/** What is sent with one request. */
export type SpoolItem = {
	readonly table: StoreTableName;
	/** The same for the same rows, however often they are sent; different for any others. */
	readonly token: string;
	readonly rows: number;
	readonly range: RowRange;
	readonly form: RowForm;
	/** Lines of JSON, or blocks in Native, compressed by gzip. */
	read(): Promise<Buffer>;
};

export type SpoolOptions = {
	/** Size of all files. It can be exceeded by the batches that are being collected or sent. */
	readonly limitBytes: number;
	readonly hostName: string;
	/** The start of this agent, in milliseconds since 1970. */
	readonly run: number;
	/** Distinguishes rows of this spool from those of all others. */
	readonly id: string;
};

/** Rows that are being collected, and their file. */
export type OpenBatch = {
	readonly table: AgentTable;
	readonly form: RowForm;
	readonly first: number;
	readonly name: string;
	readonly fd: number;
	/** Its parts, if they are lines, which are compressed together. Blocks are compressed already. */
	readonly lines: Uint8Array[];
	bytes: number;
	/** Their number before compression. */
	rawBytes: number;
	/** How often rows were added. */
	parts: number;
	rows: number;
	fromUs: number;
	toUs: number;
};

/** Rows to be added to a batch: complete lines, or a block. */
export type RowBytes = {
	readonly bytes: Uint8Array;
	readonly rawBytes: number;
	readonly rows: number;
	readonly fromUs: number;
	readonly toUs: number;
};

type Entry = { readonly name: string; readonly parsed: SpoolName; readonly bytes: number };

export class Spool {
	readonly #directory: UserDirectory;
	readonly #options: SpoolOptions;
	/** Batches and gaps in the order in which they are sent, and rejected batches. */
	#entries: Entry[] = [];
	/** Gaps whose note could not be written yet. */
	#unwritten: { readonly reason: GapReason; readonly table: AgentTable; readonly range: RowRange }[] = [];
	/** The store may have received these without confirming it. */
	readonly #tried = new Set<string>();
	#changed: (() => void) | undefined;
	/** Exchanges that were dropped or rejected since the agent's start. */
	lostRows = 0;

	private constructor(directory: UserDirectory, options: SpoolOptions) {
		this.#directory = directory;
		this.#options = options;
	}

	/** Opens the spool and completes what an earlier agent has left in it. Throws system errors and UserErrors. */
	static async open(directory: UserDirectory, options: SpoolOptions): Promise<Spool> {
		const spool = new Spool(directory, options);
		await spool.#recover();
		return spool;
	}

	/** The start of this agent, in milliseconds since 1970. */
	get run(): number {
		return this.#options.run;
	}

	/** The number of exchanges that wait to be sent. */
	get waitingRows(): number {
		return this.#ready().reduce(
			(sum, { parsed }) =>
				sum + (parsed.kind === 'ready' && parsed.table === 'exchanges' ? (parsed.range.rows ?? 0) : 0),
			0,
		);
	}

	/** Whether there is room for another batch without dropping one. */
	get hasRoom(): boolean {
		return this.#bytes() < this.#options.limitBytes;
	}

	/** The oldest item, to be sent. From then on it is not dropped. */
	get oldest(): SpoolItem | undefined {
		const entry = this.#entries.find(({ parsed }) => parsed.kind !== 'rejected');
		if (entry === undefined) return undefined;
		this.#tried.add(entry.name);
		return this.#item(entry);
	}

	/** Resolves when there is a new item. */
	async changed(signal: AbortSignal): Promise<void> {
		await new Promise<void>((resolve) => {
			const done = () => {
				signal.removeEventListener('abort', done);
				this.#changed = undefined;
				resolve();
			};
			this.#changed = done;
			signal.addEventListener('abort', done);
			if (signal.aborted) done();
		});
	}

	/** Begins a batch whose first row has number `first`. Undefined if the disk is full even without older batches. */
	begin(table: AgentTable, form: RowForm, first: number): OpenBatch | undefined {
		const { run } = this.#options;
		const now = wallUs();
		const range = { run, first, rows: 0, fromUs: now, toUs: now };
		const name = formatSpoolName({ kind: 'open', form, table, range });
		const fd = this.#withRoom(() => this.#directory.create(name));
		if (fd === undefined) return undefined;
		return {
			...{ table, form, first, name, fd, lines: [], bytes: 0, rawBytes: 0, parts: 0, rows: 0 },
			...{ fromUs: Number.POSITIVE_INFINITY, toUs: 0 },
		};
	}

	/** Adds rows. False, without having added any, if the disk is full even without older batches. */
	append(batch: OpenBatch, { bytes, rawBytes, rows, fromUs, toUs }: RowBytes): boolean {
		const written = this.#withRoom(() => {
			try {
				writeAll(batch.fd, bytes, batch.bytes);
			} catch (error) {
				ftruncateSync(batch.fd, batch.bytes);
				throw error;
			}
			return true;
		});
		if (written === undefined) return false;
		if (batch.form === 'lines') batch.lines.push(bytes);
		batch.bytes += bytes.byteLength;
		batch.rawBytes += rawBytes;
		batch.parts++;
		batch.rows += rows;
		batch.fromUs = Math.min(batch.fromUs, fromUs);
		batch.toUs = Math.max(batch.toUs, toUs);
		return true;
	}

	/** Completes a batch: from then on it can be sent. */
	async seal(batch: OpenBatch): Promise<void> {
		const { run } = this.#options;
		const { table, form, first, rows, fromUs, toUs, name, fd } = batch;
		const range = { run, first, rows, fromUs, toUs };
		if (rows > 0 && form === 'blocks') this.#keep(batch, range);
		else {
			closeSync(fd);
			if (rows > 0) await this.#store(table, range, Buffer.concat(batch.lines));
			this.#directory.remove(name);
		}
		this.#directory.sync();
		this.#limit();
		this.#changed?.();
	}

	/** The store has the item. */
	remove(item: SpoolItem): void {
		const entry = this.#entryOf(item);
		if (entry === undefined) return;
		this.#directory.remove(entry.name);
		this.#directory.sync();
		this.#forget(entry);
		this.#writeGaps();
	}

	/** The store will never accept the item: keeps it aside, and notes the gap. */
	reject(item: SpoolItem): void {
		const entry = this.#entryOf(item);
		if (entry === undefined) return;
		const { parsed } = entry;
		if (parsed.kind !== 'ready') {
			this.remove(item);
			return;
		}
		this.lose(parsed.table, 'rejected', parsed.range);
		this.#setAside(entry);
		this.#limit();
	}

	/** Notes that rows of a table are lost. Numbers of lost bytes are sent again later, so they need no note. */
	lose(table: AgentTable, reason: GapReason, range: RowRange): void {
		if (table !== 'loss') this.addGap(reason, range, table);
	}

	/** Notes that rows are missing. */
	addGap(reason: GapReason, range: RowRange, table: AgentTable = 'exchanges'): void {
		if (table === 'exchanges') this.lostRows += range.rows ?? 0;
		// The clock may have been set back in between.
		const [fromUs, toUs] = [Math.min(range.fromUs, range.toUs), Math.max(range.fromUs, range.toUs)];
		this.#unwritten.push({ reason, table, range: { ...range, fromUs, toUs } });
		this.#writeGaps();
		this.#changed?.();
	}

	close(): void {
		this.#directory.close();
	}

	/** Writes the notes of gaps. If there is no space even for a name, this is tried again later. */
	#writeGaps(): void {
		for (;;) {
			const gap = this.#unwritten[0];
			if (gap === undefined) return;
			const before = this.#entries.findLast(
				({ name, parsed }) =>
					parsed.kind === 'gap' && parsed.reason === gap.reason && parsed.table === gap.table && !this.#tried.has(name),
			);
			const whole = before === undefined ? undefined : joined(before.parsed.range, gap.range);
			const parsed: SpoolName = { ...gap, kind: 'gap', range: whole ?? gap.range };
			const name = formatSpoolName(parsed);
			try {
				closeSync(this.#directory.create(name));
			} catch (error) {
				if (!isFull(error)) throw error;
				return;
			}
			this.#unwritten.shift();
			this.#directory.sync();
			// After a crash here, the longer gap covers the shorter one.
			if (before !== undefined && whole !== undefined) {
				this.#directory.remove(before.name);
				this.#forget(before);
			}
			this.#add({ name, parsed, bytes: 0 });
		}
	}

	/** Completes a batch of blocks: its file becomes the one that is sent, unless its blocks are small. */
	#keep({ table, name, fd, bytes, parts }: OpenBatch, range: RowRange): void {
		const large = hasSmallBlocks(parts, bytes) ? withLargeBlocks(this.#read(name)) : undefined;
		if (large !== undefined) {
			closeSync(fd);
			this.#storeBytes(table, 'blocks', range, large);
			this.#directory.remove(name);
			return;
		}
		const parsed: SpoolName = { kind: 'ready', form: 'blocks', table, range };
		const ready = formatSpoolName(parsed);
		const isSynced = this.#withRoom(() => {
			fsyncSync(fd);
			return true;
		});
		closeSync(fd);
		if (isSynced === undefined) {
			this.lose(table, 'spool full', range);
			this.#directory.remove(name);
			return;
		}
		this.#directory.move(name, ready);
		this.#add({ name: ready, parsed, bytes });
	}

	async #store(table: AgentTable, range: RowRange, lines: string | Uint8Array): Promise<void> {
		this.#storeBytes(table, 'lines', range, await compress(lines, COMPRESSION));
	}

	#storeBytes(table: AgentTable, form: RowForm, range: RowRange, bytes: Uint8Array): void {
		const parsed: SpoolName = { kind: 'ready', form, table, range };
		const name = formatSpoolName(parsed);
		const written = this.#withRoom(() => {
			this.#write(name, bytes);
			return true;
		});
		if (written === undefined) this.lose(table, 'spool full', range);
		else this.#add({ name, parsed, bytes: bytes.byteLength });
	}

	#write(name: string, bytes: Uint8Array): void {
		const temporary = `${name}${TEMPORARY}`;
		const fd = this.#directory.create(temporary);
		try {
			writeAll(fd, bytes);
			fsyncSync(fd);
		} catch (error) {
			this.#directory.remove(temporary);
			throw error;
		} finally {
			closeSync(fd);
		}
		this.#directory.move(temporary, name);
		this.#directory.sync();
	}

	/** Does `work`; as long as the disk is full, drops the oldest batch and tries again. Undefined if that does not help. */
	#withRoom<T>(work: () => T): T | undefined {
		for (;;) {
			try {
				return work();
			} catch (error) {
				if (!isFull(error)) throw error;
				if (!this.#dropOldest()) return undefined;
			}
		}
	}

	/** Drops batches until the spool is within its limit. */
	#limit(): void {
		while (this.#bytes() > this.#options.limitBytes && this.#dropOldest());
	}

	/** Drops a rejected batch, or the oldest one that cannot be on its way to the store. False if there is none. */
	#dropOldest(): boolean {
		const rejected = this.#entries.find(({ parsed }) => parsed.kind === 'rejected');
		const dropped = rejected ?? this.#ready().find((entry) => !this.#tried.has(entry.name));
		if (dropped === undefined) return false;
		const { parsed, name } = dropped;
		if (parsed.kind === 'ready') this.lose(parsed.table, 'spool full', parsed.range);
		this.#directory.remove(name);
		this.#forget(dropped);
		// On a full disk, there may be room for the note only now.
		this.#writeGaps();
		return true;
	}

	#forget(entry: Entry): void {
		this.#entries = this.#entries.filter((each) => each !== entry);
		this.#tried.delete(entry.name);
	}

	#setAside(entry: Entry): void {
		const { parsed, name, bytes } = entry;
		if (parsed.kind !== 'ready') return;
		const aside: SpoolName = { ...parsed, kind: 'rejected' };
		const asideName = formatSpoolName(aside);
		this.#directory.move(name, asideName);
		this.#directory.sync();
		this.#forget(entry);
		this.#add({ name: asideName, parsed: aside, bytes });
	}

	#ready(): Entry[] {
		return this.#entries.filter(({ parsed }) => parsed.kind === 'ready');
	}

	#bytes(): number {
		return this.#entries.reduce((sum, { bytes }) => sum + bytes, 0);
	}

	#add(entry: Entry): void {
		this.#entries.push(entry);
		this.#entries.sort((one, other) => (one.name < other.name ? -1 : 1));
	}

	#entryOf({ token }: SpoolItem): Entry | undefined {
		return this.#entries.find(({ name }) => this.#tokenOf(name) === token);
	}

	#tokenOf(name: string): string {
		return `${this.#options.id}-${name.replace(/\.(?:ndjson|native)\.gz$/, '')}`;
	}

	#item({ name, parsed }: Entry): SpoolItem {
		const { range } = parsed;
		const token = this.#tokenOf(name);
		if (parsed.kind === 'gap') {
			const line = gapLine(this.#options.hostName, parsed);
			return {
				table: 'gaps',
				token,
				rows: 1,
				range,
				form: 'lines',
				read: () => compress(line, { level: COMPRESSION.level }),
			};
		}
		const { table, form } = parsed;
		return { table, token, rows: range.rows ?? 0, range, form, read: async () => this.#read(name) };
	}

	#read(name: string): Buffer {
		const fd = this.#directory.open(name);
		if (fd === undefined) throw new Error(`${name} is missing in the spool`);
		try {
			return readWhole(fd);
		} finally {
			closeSync(fd);
		}
	}

	/** Finds what an earlier agent has left: completes open batches, and removes what a note of a gap already counts. */
	async #recover(): Promise<void> {
		const files = this.#directory.files();
		for (const { name } of files) if (name.endsWith(TEMPORARY)) this.#directory.remove(name);
		for (const { name, bytes } of files) {
			const parsed = parseSpoolName(name);
			if (parsed !== undefined && parsed.kind !== 'open') this.#add({ name, parsed, bytes });
		}
		// Earlier agents may have sent any gap, and of each run and table the first batch: they sent those in order. Runs are
		// not in order if the clock was set back.
		for (const entry of this.#entries)
			if (entry.parsed.kind === 'gap' || entry === this.#entries.find(({ parsed }) => isAlike(parsed, entry.parsed)))
				this.#tried.add(entry.name);
		const gaps = this.#entries.filter(({ parsed }) => parsed.kind === 'gap');
		for (const entry of [...this.#entries]) {
			const gap = gaps.find(
				(each) =>
					each !== entry && each.parsed.table === entry.parsed.table && covers(each.parsed.range, entry.parsed.range),
			);
			if (gap === undefined || entry.parsed.kind === 'rejected') continue;
			if (entry.parsed.kind === 'ready' && gap.parsed.kind === 'gap' && gap.parsed.reason === 'rejected')
				this.#setAside(entry);
			else {
				this.#directory.remove(entry.name);
				this.#forget(entry);
			}
		}
		for (const { name } of files) {
			const parsed = parseSpoolName(name);
			if (parsed?.kind === 'open') await this.#complete(name, parsed);
		}
		this.#directory.sync();
		this.#limit();
	}

	/** Completes a batch that an earlier agent was collecting when it was killed. Its last line or block may be incomplete. */
	async #complete(name: string, { table, form, range: { run, first } }: OpenName): Promise<void> {
		const isDone = this.#entries.some(
			({ parsed }) =>
				parsed.kind === 'ready' && parsed.table === table && parsed.range.run === run && parsed.range.first === first,
		);
		if (form === 'blocks') {
			if (!isDone) this.#completeBlocks(table, { run, first }, this.#read(name));
			this.#directory.remove(name);
			return;
		}
		const text = isDone ? '' : this.#read(name).toString('utf8');
		const lines = text.slice(0, text.lastIndexOf('\n') + 1);
		if (lines !== '') {
			const key = new RegExp(`"${microsecondsOf(storeTable(table).time)}":(\\d+)`, 'g');
			const times = [...lines.matchAll(key)].map(([, us]) => Number(us));
			const rows = lines.split('\n').length - 1;
			const fromUs = times.reduce((least, us) => Math.min(least, us), Number.POSITIVE_INFINITY);
			const toUs = times.reduce((most, us) => Math.max(most, us), 0);
			await this.#store(table, { run, first, rows, fromUs, toUs }, lines);
		}
		this.#directory.remove(name);
	}

	#completeBlocks(table: AgentTable, { run, first }: Pick<RowRange, 'run' | 'first'>, bytes: Buffer): void {
		const blocks = wholeBlocks(bytes);
		if (blocks.length === 0) return;
		const sum = (of: (block: (typeof blocks)[number]) => number) => blocks.reduce((so, block) => so + of(block), 0);
		const whole = bytes.subarray(
			0,
			sum(({ size }) => size),
		);
		const fromUs = Math.min(...blocks.map((block) => block.fromUs));
		const toUs = Math.max(...blocks.map((block) => block.toUs));
		const range = { run, first, rows: sum(({ rows }) => rows), fromUs, toUs };
		this.#storeBytes(table, 'blocks', range, withLargeBlocks(whole) ?? whole);
	}
}

/** The name of a batch that is being collected. */
type OpenName = Exclude<SpoolName, { readonly kind: 'gap' }>;

const TEMPORARY = '.tmp';
/** Most batches become one chunk. With more, each one would be a task of its own. */
const COMPRESSION = { level: 1, chunkSize: 1 << 20 };

/** Whether both are sent in order. */
function isAlike(one: SpoolName, other: SpoolName): boolean {
	return one.kind === other.kind && one.table === other.table && one.range.run === other.range.run;
}

/** A row of the table `gaps`. */
function gapLine(hostName: string, { reason, table, range }: Extract<SpoolName, { kind: 'gap' }>): string {
	const { run, rows, fromUs, toUs } = range;
	const times = [
		['from_ts', fromUs],
		['to_ts', toUs],
	] as const;
	const members = times.map(
		([name, us]) => `"${name}":${jsonText(formatTimestamp(us) ?? '')},"${microsecondsOf(name)}":${us}`,
	);
	return `{"host_name":${jsonText(hostName)},"run":${run},${members.join(',')},"rows":${rows},"reason":"${reason}","table_name":"${table}"}\n`;
}

/** Whether an error says that there is no space for another file or byte. */
function isFull(error: unknown): boolean {
	return ['ENOSPC', 'EDQUOT', 'EFBIG'].includes(systemCode(error) ?? '');
}

/** Writes at `position`. */
function writeAll(fd: number, bytes: Uint8Array, position = 0): void {
	for (let at = 0; at < bytes.byteLength; ) at += writeSync(fd, bytes, at, bytes.byteLength - at, position + at);
}

function readWhole(fd: number): Buffer {
	const bytes = Buffer.alloc(fstatSync(fd).size);
	let at = 0;
	while (at < bytes.byteLength) {
		const read = readSync(fd, bytes, at, bytes.byteLength - at, at);
		if (read === 0) break;
		at += read;
	}
	return bytes.subarray(0, at);
}
