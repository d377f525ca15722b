// The messages between the three threads. Main controls the capture thread and the query thread; the query thread requests
// snapshots from the capture thread over a separate port.

import type { MessagePort } from 'node:worker_threads';
import { type ErrorCode, UserError } from '../base/errors.ts';
import type { CaptureFilters, CaptureSettings } from '../capture/capture-settings.ts';
import type { CaptureSnapshot } from '../store/database.ts';
import type { ExchangeRecord } from '../store/exchange-detail.ts';
import type { LossTotal } from '../store/loss-table.ts';
import type { Column, ColumnType, SqlValue } from '../store/table.ts';

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

/** Shared counters that main reads without asking; Float64Array. */
export const STATUS_ROWS = 0;
export const STATUS_LOST_EVENTS = 1;
export const STATUS_LOST_BYTES = 2;
export const STATUS_LENGTH = 3;

export type CaptureThreadData = {
	readonly settings: CaptureSettings;
	readonly status: SharedArrayBuffer;
	/** Int32, SIGNAL_*: the capture thread checks them while it waits for records. */
	readonly signals: SharedArrayBuffer;
};

/** Not 0: the capture should end. */
export const SIGNAL_STOP = 0;
/** Not 0: a message was sent to the capture thread. Set after sending, so that it is there when the thread listens. */
export const SIGNAL_MESSAGE = 1;
export const SIGNAL_COUNT = 2;

export type ToCapture =
	| { readonly type: 'port'; readonly port: MessagePort }
	| { readonly type: 'pause' }
	| { readonly type: 'resume' }
	| { readonly type: 'clear' }
	| { readonly type: 'filters'; readonly filters: CaptureFilters };

/** Why a replayed file ended early. */
export type DamageMessage = {
	readonly path: string;
	readonly offset: number;
	readonly what: 'truncated' | 'damaged';
	readonly detail: string;
};

export type FromCapture =
	| { readonly type: 'attached'; readonly remarks: readonly string[] }
	| {
			readonly type: 'ended';
			readonly loss: readonly LossTotal[];
			readonly recording?: { readonly path: string; readonly bytes: number; readonly complete: boolean };
			readonly damage?: DamageMessage;
	  }
	| { readonly type: 'warning'; readonly message: string; readonly hint?: string }
	| { readonly type: 'error'; readonly error: ErrorMessage };

/** Query thread → capture thread. */
export type SnapshotRequest =
	| { readonly type: 'snapshot'; readonly id: number; readonly mask: number }
	/** Send the store's snapshot whenever rows were committed. */
	| { readonly type: 'follow'; readonly on: boolean }
	/** A snapshot is no longer read. */
	| { readonly type: 'release'; readonly id: number }
	/** Lines that could not be printed in time. */
	| { readonly type: 'dropped'; readonly events: number; readonly bytes: number };

export type SnapshotReply =
	| { readonly type: 'snapshot'; readonly id: number; readonly snapshot: CaptureSnapshot }
	| { readonly type: 'committed'; readonly snapshot: CaptureSnapshot; readonly ended: boolean };

export type QueryThreadData = {
	/** The signals of the capture thread. */
	readonly signals: SharedArrayBuffer;
	/** Int32; CANCEL_ASKED or CANCEL_TIME: the running statement should end. */
	readonly cancel: SharedArrayBuffer;
	/** Float64; rows that the running statement has read. */
	readonly progress: SharedArrayBuffer;
	/** Int32; parts of the running statement's result that main has taken; notified. */
	readonly taken: SharedArrayBuffer;
	/** Bytes a statement may hold. */
	readonly memoryLimit: number;
	/** Statements that recreate the views of a query thread that had to be ended; run first. */
	readonly views: readonly string[];
	/** Names by ip, of /etc/hosts. */
	readonly hostNames: readonly (readonly [ip: string, name: string])[];
};

export type ToQuery =
	| { readonly type: 'port'; readonly port: MessagePort }
	/** Run one statement; `timeoutMs` 0: no limit. */
	| {
			readonly type: 'run';
			readonly id: number;
			readonly sql: string;
			readonly parameters: readonly [string, SqlValue][];
			readonly timeoutMs: number;
	  }
	/** A part of a result was taken: for a statement that waits between two slices. */
	| { readonly type: 'more'; readonly id: number }
	/** Answers `done` if `sql` could run, otherwise `error`. */
	| {
			readonly type: 'check';
			readonly id: number;
			readonly sql: string;
			readonly parameters: readonly [string, SqlValue][];
	  }
	| { readonly type: 'show'; readonly id: number; readonly exchange: number }
	| {
			readonly type: 'tail';
			readonly id: number;
			readonly where: string | undefined;
			readonly columns: string | undefined;
			readonly fromStart: boolean;
	  }
	/** `lines` of the tail were printed: credit for as many more. */
	| { readonly type: 'printed'; readonly id: number; readonly lines: number }
	| { readonly type: 'tail-stop'; readonly id: number };

/** `type` is null if the statement does not determine it. */
export type ResultColumn = { readonly name: string; readonly type: ColumnType | null };

/** A view or temporary table of the user. */
export type OwnTable = { readonly name: string; readonly isView: boolean; readonly columns: readonly Column[] };

/** One answer of a statement after the other: columns, then rows, then done. */
export type ResultPart = Extract<FromQuery, { readonly type: 'columns' | 'rows' | 'done' }>;

export type FromQuery =
	| { readonly type: 'columns'; readonly id: number; readonly columns: readonly ResultColumn[] }
	| { readonly type: 'rows'; readonly id: number; readonly rows: readonly SqlValue[][] }
	| {
			readonly type: 'done';
			readonly id: number;
			/** Events of kind `lost` at the time of the statement's snapshot. */
			readonly lostEvents: number;
			readonly lostBytes: number;
			/** The result depends on rows that loss may have removed or cut. */
			readonly readsCaptured: boolean;
			/** Set for statements that answer with a sentence (CREATE VIEW …). */
			readonly notice?: string;
			/** The statement made or dropped a view: run it again in a new query thread. */
			readonly definesView?: boolean;
			/** After a statement that made or dropped something: all views and temporary tables there are. */
			readonly own?: readonly OwnTable[];
	  }
	/** The views that could be recreated in a new query thread. */
	| { readonly type: 'own'; readonly id: 0; readonly own: readonly OwnTable[] }
	| { readonly type: 'exchange'; readonly id: number; readonly exchange: ExchangeRecord | undefined }
	/** The tail has passed the last row of an ended capture. */
	| { readonly type: 'tail-end'; readonly id: number; readonly dropped: number }
	| { readonly type: 'error'; readonly id: number; readonly error: ErrorMessage };

/** An error as a message for another thread. Any error but a UserError is internal and keeps its stack. */
export function errorMessage(error: unknown): ErrorMessage {
	if (error instanceof UserError) {
		const { message, code, hint } = error;
		const position = 'position' in error && typeof error.position === 'number' ? error.position : undefined;
		return { message, code, hint, ...(position === undefined ? {} : { position }) };
	}
	const stack = error instanceof Error ? error.stack : undefined;
	return { message: String(error), stack: stack ?? String(error) };
}
