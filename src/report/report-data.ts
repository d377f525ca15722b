// What the page of a report is given: the form of the data in its `<script type="application/json">` elements. The
// program writes them, and the page's own code (page/) reads them. Nothing here may be HTML.

/** Ids of the elements with the data. Those of the details end in the number of their part. */
export const SUMMARY_ID = 'report-summary';
export const ROWS_ID = 'report-rows';
export const DETAILS_ID = 'report-details-';

/** A row of the table `loss`. */
export type LossRow = {
	readonly reason: string;
	readonly kind: string;
	readonly events: number;
	readonly bytes: number;
	readonly last: string | null;
};

/** A row of the table `blind_spots`. */
export type BlindSpotRow = {
	readonly pid: number | null;
	readonly comm: string | null;
	readonly what: string;
	readonly evidence: string | null;
	readonly times: number;
};

/** The connections that carried a protocol. */
export type ProtocolRow = {
	readonly protocol: string;
	readonly connections: number;
	readonly bytesIn: number;
	readonly bytesOut: number;
};

export type ReportSummary = {
	/** Of tinytap. */
	readonly version: string;
	/** ISO, UTC. */
	readonly madeAt: string;
	/** The name of the replayed file; null for a live capture. */
	readonly recording: string | null;
	/** The SQL condition; null: all exchanges. */
	readonly where: string | null;
	readonly redacted: boolean;
	/** Exchanges that matched, and how many of them, the latest ones, are in the page. */
	readonly matched: number;
	readonly shown: number;
	/** What had to be left out to keep the page small. */
	readonly left: LeftOut;
	readonly loss: readonly LossRow[];
	readonly blindSpots: readonly BlindSpotRow[];
	readonly protocols: readonly ProtocolRow[];
	/** How many exchanges each part of the details has. */
	readonly detailsPerPart: number;
};

export type LeftOut = {
	/** Bodies longer than this many bytes are cut in the page. */
	readonly bodyLimit: number;
	readonly cutBodies: number;
	readonly cutHeads: number;
	/** Messages inside exchanges that the page does not have. */
	readonly cutItems: number;
};

/** Columns with texts: numbers of `strings`, -1 for NULL. */
export const TEXT_COLUMNS = [
	...['state', 'reason', 'side', 'comm', 'local', 'remote', 'remote_name', 'host', 'method', 'path', 'template'],
	...['via', 'content_type', 'anomalies', 'req_why', 'res_why'],
] as const;
export type TextColumn = (typeof TEXT_COLUMNS)[number];

/** Columns with numbers; null for NULL. `ts` is in microseconds after `start`. */
export const NUMBER_COLUMNS = [
	...['id', 'ts', 'pid', 'conn', 'pair_id', 'parent_id', 'status', 'duration_ms', 'ttfb_ms', 'send_ms'],
	...['req_body_bytes', 'res_body_bytes', 'req_captured_bytes', 'res_captured_bytes', 'lost_bytes'],
] as const;
export type NumberColumn = (typeof NUMBER_COLUMNS)[number];

/** The rows of the page's table, by column, in the order of ids. */
export type ReportRows = {
	/** Microseconds since 1970. */
	readonly start: number;
	readonly strings: readonly string[];
	readonly texts: Readonly<Record<TextColumn, readonly number[]>>;
	readonly numbers: Readonly<Record<NumberColumn, readonly (number | null)[]>>;
};

/** Some exchanges with everything that the table does not show. Texts are numbers of `strings`. */
export type DetailsPart = { readonly strings: readonly string[]; readonly exchanges: readonly Detail[] };

export type Detail = {
	/** The target as sent; -1 if it was not seen. */
	readonly target: number;
	readonly req: DetailMessage;
	readonly res: DetailMessage;
	/** Other columns of `exchanges` that are not NULL: name and value. */
	readonly facts: readonly (readonly [name: number, value: number])[];
	/** The rows of `messages`: server-sent events, WebSocket messages and others. */
	readonly items?: DetailItems;
};

export type DetailItems = {
	readonly list: readonly DetailItem[];
	/** How many the page leaves out, and how many of the list come before them. */
	readonly cut?: { readonly count: number; readonly after: number };
};

export type DetailItem = {
	readonly seq: number;
	/** Microseconds after the request's first byte; null if a time is not known. */
	readonly after: number | null;
	/** 1: from the client to the server; 0: back. */
	readonly sent: 0 | 1;
	/** `text`, `event` …; null for bytes that could not be told apart. */
	readonly kind: string | null;
	/** The name of an event, the media type of a part. */
	readonly name?: string;
	readonly id?: string;
	/** True length; null if it is not known. */
	readonly bytes: number | null;
	/** Of a close frame. */
	readonly code?: number;
	readonly body?: DetailBody;
	/** Why it is not held in full. */
	readonly note?: string;
};

export type DetailMessage = {
	/** Field lines as sent. `1` marks a trailer. */
	readonly fields: readonly (readonly [name: number, value: number, trailer?: 1])[];
	/** How many field lines the page leaves out. */
	readonly fieldsCut?: number;
	readonly body?: DetailBody;
	/** Why the body is not held in full. */
	readonly note?: string;
};

export type DetailBody = {
	/** `json`, `text`, `image` … */
	readonly kind: string;
	/** The media type, declared or recognised. */
	readonly type: string | null;
	/** The content codings that were undone. */
	readonly decoded?: string;
	/** The fields of a message of protobuf, one on each line. */
	readonly fields?: string;
	/** The content: as text, as base64, or both if the text is in another charset than UTF-8. */
	readonly text?: string;
	readonly base64?: string;
	/** Bytes of the content that was held. */
	readonly bytes: number;
	/** How many of them the page leaves out. */
	readonly cut?: number;
};
