// The messages between the three threads. Main controls the capture thread and the query thread. The query thread
// requests snapshots from the capture thread over a separate port.

import type { MessagePort } from 'node:worker_threads';
import type { BlocksWanted } from '../agent/exchange-blocks.ts';
import type { RowBlock } from '../agent/row-block.ts';
import type { StoreAddress } from '../agent/store-address.ts';
import { type ErrorCode, UserError } from '../base/errors.ts';
import type { InvokingUser } from '../base/invoking-user.ts';
import type { CaptureFilters, CaptureSettings } from '../capture/capture-settings.ts';
import type { RecordingDamage } from '../capture/recording-damage.ts';
import type { SettingRights } from '../remote/store-connection.ts';
import type { StoreLayout } from '../remote/store-layout.ts';
import type { CaptureSnapshot } from '../store/database.ts';
import type { ExchangeRecord, WantedExchange } from '../store/exchange-detail.ts';
import type { LossTotal } from '../store/loss-table.ts';
import type { Column, ColumnType, NamedTable, ParameterValue, ShownValue, SqlValue } from '../store/table.ts';
import type { MemoryShares } from './memory-shares.ts';

/** An error sent to another thread: a UserError, or an internal error with its stack. */
export type ErrorMessage =
	| {
			readonly message: string;
			readonly code: ErrorCode;
			readonly hint: string | undefined;
			/** Offset in the SQL text, for the `^` marker. */
			readonly position?: number;
	  }
	| { readonly message: string; readonly stack: string };

/** Indexes in a shared Float64Array of counters, which main reads without sending a message. */
export const STATUS_ROWS = 0;
export const STATUS_LOST_EVENTS = 1;
export const STATUS_LOST_BYTES = 2;
/** Rows that main could not print. Written by main. */
export const STATUS_UNPRINTED = 3;
/** Rows that a tail did not send because main prints too slowly. Written by the query thread. */
export const STATUS_DROPPED = 4;
/** When one of these two last increased, in µs since 1970. */
export const STATUS_DROPPED_AT = 5;
/** Bytes that the rows take. */
export const STATUS_STORE_BYTES = 6;
export const STATUS_LENGTH = 7;

/**
 * Rows of tails that were not printed (loss: output_dropped). They are in shared memory, so that reading them
 * needs no message.
 */
export function unprintedRows(status: Float64Array): number {
	return status[STATUS_UNPRINTED]! + status[STATUS_DROPPED]!;
}

export type CaptureThreadData = {
	readonly settings: CaptureSettings;
	readonly shares: MemoryShares;
	readonly status: SharedArrayBuffer;
	/** Int32, indexed by SIGNAL_*. The capture thread checks them even while it waits for records. */
	readonly signals: SharedArrayBuffer;
	/** The sockets of this process whose exchanges are no rows (own-sockets.ts); undefined for a recording. */
	readonly ownSockets?: SharedArrayBuffer;
};

/** Not 0: the capture must end. */
export const SIGNAL_STOP = 0;
/** Not 0: there is a message for the capture thread. It is set after sending, when the message is already there. */
export const SIGNAL_MESSAGE = 1;
export const SIGNAL_COUNT = 2;

export type ToCapture =
	| { readonly type: 'port'; readonly port: MessagePort }
	/** A replay with `awaitsTail` may begin. */
	| { readonly type: 'begin' }
	| { readonly type: 'pause' }
	| { readonly type: 'resume' }
	| { readonly type: 'clear' }
	/** Keep the rows within this many bytes from now on, because attached recordings take the rest, or no longer do. */
	| { readonly type: 'store-limit'; readonly bytes: number }
	| { readonly type: 'filters'; readonly filters: CaptureFilters }
	/** Begin or end to read the plaintext of TLS. Answered by `tls-set`. */
	| { readonly type: 'tls'; readonly on: boolean }
	/** Begin a recording. Answered by `recorded`. */
	| { readonly type: 'record'; readonly record: NonNullable<CaptureSettings['record']> }
	/** End the recording. Answered by `recorded`. */
	| { readonly type: 'record-stop' }
	/** Answered by `totals`. */
	| { readonly type: 'totals' }
	/** Answered by `entries`: connections that were closed after the first `closed`, those that are open if `open`. */
	| { readonly type: 'entries'; readonly closed: number; readonly open: boolean };

/** Loss by reason, and how many processes have each kind of blind spot, at one instant. */
export type CaptureTotals = {
	/** In the order of LOSS_REASONS. */
	readonly loss: readonly LossTotal[];
	readonly blindSpots: readonly (readonly [what: string, processes: number])[];
};

/** Connections and blind spots at one instant, without this process's own connections. */
export type CaptureEntries = {
	/** The decoder's entries. */
	readonly entries: ArrayBuffer;
	/** How many connections have been closed so far. */
	readonly closed: number;
	/** How many of the connections asked for have been evicted. */
	readonly evicted: number;
	/** Microseconds since the epoch. */
	readonly nowUs: number;
};

/** A recording that has ended. If it has several files: the path of the last one and the size of all. */
export type RecordingEnd = {
	readonly path: string;
	readonly bytes: number;
	readonly complete: boolean;
	/** With a rotation: the number of files written, and of those still there. */
	readonly files?: number;
	readonly kept?: number;
};

/** The part of a replayed file that could not be read. */
export type DamageMessage = RecordingDamage & { readonly path: string };

export type FromCapture =
	/** `holdsTls`: the rows may hold plaintext of TLS. */
	| { readonly type: 'attached'; readonly remarks: readonly string[]; readonly holdsTls: boolean }
	| {
			readonly type: 'ended';
			readonly loss: readonly LossTotal[];
			/** Bytes that the tables take. */
			readonly memoryBytes: number;
			readonly recording?: RecordingEnd;
			readonly damage?: DamageMessage;
	  }
	| { readonly type: 'warning'; readonly message: string; readonly hint?: string }
	/** A recording has begun (without `end`), has ended, or could not begin or end. */
	| { readonly type: 'recorded'; readonly end?: RecordingEnd; readonly error?: ErrorMessage }
	| { readonly type: 'tls-set'; readonly error?: ErrorMessage }
	| ({ readonly type: 'totals' } & CaptureTotals)
	| ({ readonly type: 'entries' } & CaptureEntries)
	| { readonly type: 'error'; readonly error: ErrorMessage };

/** Query thread → capture thread. */
export type SnapshotRequest =
	| { readonly type: 'snapshot'; readonly id: number; readonly mask: number }
	/**
	 * Send a snapshot of the store whenever rows are committed, but not more often than every `everyMs`. `mask`: SNAPSHOT_*,
	 * what it should contain besides them; with messages, also whenever there are new ones.
	 */
	| { readonly type: 'follow'; readonly on: boolean; readonly everyMs: number; readonly mask: number }
	/** A snapshot is no longer used. */
	| { readonly type: 'release'; readonly id: number };

export type SnapshotReply =
	| { readonly type: 'snapshot'; readonly id: number; readonly snapshot: CaptureSnapshot }
	| { readonly type: 'committed'; readonly snapshot: CaptureSnapshot; readonly ended: boolean };

/** Where a ClickHouse is, as a message. */
export type ServerPlace = Omit<StoreAddress, 'url'> & { readonly url: string };
/** A directory that agents write to. */
export type FilesPlace = { readonly directory: string; readonly user: InvokingUser };
/** Where a store of many hosts is. */
export type StorePlace = ServerPlace | FilesPlace;

/** A store that a query thread has looked at. */
export type OpenedStore = OpenedServer | { readonly place: FilesPlace };
export type OpenedServer = {
	readonly place: ServerPlace;
	readonly layout: StoreLayout;
	/** Which settings its user may change. */
	readonly rights: SettingRights;
};

export type QueryThreadData = {
	/** The store that is asked. */
	readonly store: OpenedStore | undefined;
	/** The signals of the capture thread. */
	readonly signals: SharedArrayBuffer;
	/** Int32. CANCEL_ASKED or CANCEL_TIME ends the running statement. */
	readonly cancel: SharedArrayBuffer;
	/** Float64. Rows that the running statement has read. */
	readonly progress: SharedArrayBuffer;
	/** Float64, indexed by STATUS_*. */
	readonly status: SharedArrayBuffer;
	/** Int32. Parts of the running statement's result that main has taken. Main wakes the threads that wait on it. */
	readonly taken: SharedArrayBuffer;
	/** Memory limit of a statement, in bytes. */
	readonly memoryLimit: number;
	/** Statements to run first: they recreate the views of a query thread that had to be terminated. */
	readonly views: readonly string[];
	/** The names of the attached recordings, for the views; `attach` messages with their ports follow. */
	readonly attached: readonly string[];
	/** Rows come from the kernel, not from a recording. */
	readonly isLive: boolean;
	/** The key for the hashes in the placeholders of secrets. */
	readonly redactionKey: Uint8Array;
	/** Redact everything that leaves this thread, not only the results for which `redact` is set. */
	readonly redactsAll: boolean;
	/** The names in /etc/hosts, by ip. */
	readonly hostNames: readonly (readonly [ip: string, name: string])[];
	/** Where this thread's own connections are noted (own-sockets.ts); undefined if nothing is captured. */
	readonly ownSockets?: SharedArrayBuffer;
};

export type ToQuery =
	| { readonly type: 'port'; readonly port: MessagePort }
	/** The recording `name` has been read; its capture thread answers on `port` and looks at `signals`. */
	| { readonly type: 'attach'; readonly name: string; readonly port: MessagePort; readonly signals: SharedArrayBuffer }
	/** Forget this recording. Answers `done`, or `error` if a view reads it. */
	| { readonly type: 'detach'; readonly id: number; readonly name: string }
	/** From now on, tables are those of this store, and those of this host begin with `local.`. Answers `connected`. */
	| { readonly type: 'connect'; readonly id: number; readonly place: StorePlace }
	/** Tables are those of this host again. Answers `done`. */
	| { readonly type: 'disconnect'; readonly id: number }
	/** Answers `done` when statements that were cancelled have ended in the store, too. */
	| { readonly type: 'settle'; readonly id: number }
	/** Run one statement. `timeoutMs` is 0 if there is no limit. */
	| {
			readonly type: 'run';
			readonly id: number;
			readonly sql: string;
			readonly parameters: readonly [string, ParameterValue][];
			readonly timeoutMs: number;
			/** If this is the last query again, use the rows that it saw. */
			readonly again?: boolean | undefined;
			/** The statement sees no secrets. */
			readonly redact?: boolean | undefined;
			/** If only the first and last rows are shown: how many of each. */
			readonly ends?: { readonly first: number; readonly last: number } | undefined;
			/** The tables are those of this host, even if a store is asked. */
			readonly here?: boolean | undefined;
			/** Ask only those shards of the store that can be reached. */
			readonly skipsShards?: boolean | undefined;
			/** The statement is in ClickHouse's SQL and goes to the store as it is. */
			readonly raw?: boolean | undefined;
	  }
	/** Main has taken a part of the result. Wakes a statement that waits between two slices. */
	| { readonly type: 'more'; readonly id: number }
	/** Answers `done` if `sql` could run, otherwise `error`. */
	| {
			readonly type: 'check';
			readonly id: number;
			readonly sql: string;
			readonly parameters: readonly [string, ParameterValue][];
	  }
	/** `calls`: include the system calls that carried the exchange. */
	| { readonly type: 'show'; readonly id: number; readonly exchange: WantedExchange; readonly calls: boolean }
	/** Asks for exchanges by id. The answer has the first ones, as many as fit into one message. */
	| { readonly type: 'show-all'; readonly id: number; readonly ids: readonly number[] }
	/** Asks for values of a column, for completion. */
	| ({ readonly type: 'values'; readonly id: number } & ColumnValues)
	| {
			readonly type: 'tail';
			readonly id: number;
			readonly wanted: TailWanted;
			readonly fromStart: boolean;
			/** Of an exchange that is seen from both sides, send only the server's row. */
			readonly onePerExchange: boolean;
			/** The condition and the columns see no secrets. */
			readonly redact: boolean;
			/** An earlier query thread has sent the rows that were appended first, and dropped some of them. */
			readonly resumed?: TailProgress;
	  }
	/** Main has printed the oldest part of the rows, so more may be sent. */
	| { readonly type: 'printed'; readonly id: number }
	| { readonly type: 'tail-stop'; readonly id: number };

/** A tail that sends blocks. */
export type BlocksTail = { readonly where: string | undefined; readonly blocks: BlocksWanted };

/** The tables whose new rows a tail can send. */
export type FollowedTable = 'exchanges' | 'messages';

/** What a tail sends of each row: columns of those that match a condition, or a row of a block, or what a query returns for it. */
export type TailWanted =
	| {
			readonly where: string | undefined;
			readonly columns: string;
			/** Default: exchanges. */
			readonly of?: FollowedTable;
			/** More columns, for lines: the number of an exchange's messages; the side, comm and path of a message. */
			readonly extended?: boolean;
	  }
	/** Blocks for a store instead of rows. */
	| BlocksTail
	| { readonly sql: string; readonly parameters: readonly (readonly [string, ParameterValue])[] };

/**
 * How many of the appended rows a tail has read, how many of those it has dropped, and how many it has sent in blocks. `read`
 * is undefined if some of the rows wait for their other side.
 */
export type TailProgress = { readonly read: number | undefined; readonly dropped: number; readonly sent: number };

/**
 * How a tail can follow a statement: `rows` if each row of its result depends on one exchange or message only, `whole` if the whole
 * statement has to run again. Undefined for a statement that is not a query.
 */
export type FollowedBy = 'rows' | 'whole' | undefined;

/** Values of a column that begin with `typed`. */
export type ColumnValues = {
	readonly table: string;
	readonly column: string;
	/** Only values of rows in which this column has this value. */
	readonly where?: readonly [column: string, value: string];
	readonly typed: string;
};

/** `type` is null if the statement does not determine it. */
export type ResultColumn = { readonly name: string; readonly type: ColumnType | null };

/** A view or temporary table of the user. */
export type OwnTable = { readonly name: string; readonly isView: boolean; readonly columns: readonly Column[] };

/** What is missing in an attached recording. */
export type AttachedLoss = { readonly name: string; readonly lostEvents: number; readonly lostBytes: number };

/** The answers to one statement, in this order: columns, rows (or only the first ones), done. */
export type ResultPart = Extract<FromQuery, { readonly type: 'columns' | 'rows' | 'first' | 'done' }>;

export type FromQuery =
	| { readonly type: 'columns'; readonly id: number; readonly columns: readonly ResultColumn[] }
	/** `dropped`, of a tail: how many rows it has dropped so far. */
	| {
			readonly type: 'rows';
			readonly id: number;
			readonly rows: readonly SqlValue[][];
			readonly progress?: TailProgress;
	  }
	/** The same as a block. */
	| { readonly type: 'block'; readonly id: number; readonly block: RowBlock; readonly progress: TailProgress }
	/** Some of the first rows, if only both ends are shown. */
	| { readonly type: 'first'; readonly id: number; readonly rows: readonly ShownValue[][] }
	| {
			readonly type: 'done';
			readonly id: number;
			/** Events of kind `lost` at the time of the statement's snapshot. */
			readonly lostEvents: number;
			readonly lostBytes: number;
			/** The attached recordings that the statement read and of which events of kind `lost` are missing. */
			readonly attachedLoss?: readonly AttachedLoss[];
			/** With `again`: how many captured rows were evicted in the meantime. */
			readonly evicted?: number;
			/** If only both ends are shown: the number of rows, and the last ones. */
			readonly ends?: { readonly total: number; readonly last: readonly ShownValue[][] };
			/** Whether loss may have affected the rows that the result depends on. */
			readonly readsCaptured: boolean;
			/** What is missing in a result from a store: sentences. */
			readonly missing?: readonly string[];
			/** The sentence printed for statements such as CREATE VIEW. */
			readonly notice?: string;
			/** Whether the statement created or dropped a view. A new query thread must run it again. */
			readonly definesView?: boolean;
			/** After `check`. */
			readonly followedBy?: FollowedBy;
			/** After a statement that created or dropped something: all views and temporary tables. */
			readonly own?: readonly OwnTable[];
	  }
	| {
			readonly type: 'connected';
			readonly id: number;
			readonly store: OpenedStore;
			readonly tables: readonly NamedTable[];
	  }
	/** The views that could be recreated in a new query thread. */
	| { readonly type: 'own'; readonly id: 0; readonly own: readonly OwnTable[] }
	| { readonly type: 'exchange'; readonly id: number; readonly exchange: ExchangeRecord | undefined }
	| { readonly type: 'exchanges'; readonly id: number; readonly exchanges: readonly (ExchangeRecord | undefined)[] }
	| { readonly type: 'values'; readonly id: number; readonly values: readonly SqlValue[] }
	/** The tail has passed the last row of a capture that has ended. */
	| { readonly type: 'tail-end'; readonly id: number; readonly dropped: number }
	| { readonly type: 'error'; readonly id: number; readonly error: ErrorMessage };

/** A UserError from another thread, with its position in the SQL text and, if known here, that text. */
class RemoteError extends UserError {
	readonly position: number | undefined;
	readonly sql: string | undefined;

	constructor(error: Exclude<ErrorMessage, { stack: string }>, sql: string | undefined) {
		super(error.message, error.code, error.hint);
		this.position = error.position;
		this.sql = sql;
	}
}

/** The error that another thread sent. */
export function thrownError(error: ErrorMessage, sql?: string): Error {
	if (!('stack' in error)) return new RemoteError(error, sql);
	const bug = new Error(error.message);
	bug.stack = error.stack;
	return bug;
}

/** An error as a message for another thread. Every error except a UserError is internal and keeps its stack. */
export function errorMessage(error: unknown): ErrorMessage {
	if (error instanceof UserError) {
		const { message, code, hint } = error;
		const position = 'position' in error && typeof error.position === 'number' ? error.position : undefined;
		return { message, code, hint, ...(position === undefined ? {} : { position }) };
	}
	const stack = error instanceof Error ? error.stack : undefined;
	return { message: String(error), stack: stack ?? String(error) };
}
