// What the decoder remembers, as plain structs in its own memory (unmanaged classes: an instance is an address). 0 stands
// for "none"; every struct begins zeroed.
import { UNHELD_MAX } from '../wire/output-layout';

/** Syscalls that are told apart in one message; more are counted for the last. */
export const VIAS: u32 = 8;
/** Interim statuses that are listed. */
export const INTERIMS: u32 = 16;

/** What a stream carries. */
export const CARRIES_REQUESTS: u8 = 1;
export const CARRIES_RESPONSES: u8 = 2;
/** State of a stream that nobody reads: its bytes are only counted. Others are those of http1/states.ts. */
export const OPAQUE: u8 = 9;

/** A process, as far as facts about it came. Exchanges keep the one they began in: pids are used again, names change. */
@unmanaged
export class Process {
	hashNext: Process;
	references: u32;
	pid: u32;
	/** FACT_PROCESS came. */
	known: bool;
	/** It ended, or became another by exec: the next record of this pid begins a new one. */
	over: bool;
	/** The batch in which it was asked for, 0: never. */
	asked: u32;
	comm: usize;
	commLength: u32;
	cmdline: usize;
	cmdlineLength: u32;
	cgroup: usize;
	cgroupLength: u32;
	exe: usize;
	exeLength: u32;
	/** Connections it holds. */
	firstHold: Hold;
}

/** Process holds connection. */
@unmanaged
export class Hold {
	process: Process;
	connection: Connection;
	nextOfConnection: Hold;
	nextOfProcess: Hold;
	previousOfProcess: Hold;
}

@unmanaged
export class Connection {
	id: u64;
	hashNext: Connection;
	lruPrevious: Connection;
	lruNext: Connection;
	/** In the list of connections that have something to decide at the end of a batch. */
	due: bool;
	dueNext: Connection;

	incoming: Stream;
	outgoing: Stream;
	/** The one that carries requests, and the other; 0 until it is known. */
	requests: Stream;
	responses: Stream;

	firstHold: Hold;
	process: Process;
	pid: u32;
	fd: i32;
	/** enum capture_role. */
	role: u8;
	/** PROTOCOL_*. */
	protocol: i32;
	/** REASON_* when it ended, else 0. */
	endReason: i32;
	/** Rows wait for FACT_SOCKET. */
	unverified: bool;
	/** FACT_SOCKET said file, or limits were reached: everything of it is ignored. */
	ignored: bool;
	/** FACT_SOCKET came, or nobody will answer. */
	answered: bool;
	/** Not HTTP/1, or no longer. */
	opaque: bool;
	/** Something HTTP/1 was seen on it. */
	recognised: bool;
	/** Its first bytes are no request; its rows wait for an answer that is HTTP. */
	suspected: bool;
	/** CONNECT was answered: what follows may be anything, HTTP/1 as well. */
	tunnel: bool;
	/** Closed; records that were late are still taken until the batch after `closedIn` has ended. */
	closed: bool;
	/** Everything of it has ended; only rows are left that wait for facts. */
	gone: bool;
	/** Off the table, remembered for late records and for the other side. */
	buried: bool;
	/** To be freed when its turn in the list of the batch's end comes. */
	forgotten: bool;
	/** The close said where the streams end. */
	finalKnown: bool;
	midstream: bool;
	/** A message could not be read to its end. */
	unreadable: bool;
	/** Requests were seen that waited together. */
	pipelining: bool;
	/** A request was seen to begin when all before had been answered. */
	turns: bool;
	/** The shortest time from a request's beginning to its response's, 0: none was seen. */
	fastest: u64;
	/** The client asks on before all is answered that it asked for: see alignment.ts. */
	overlapping: bool;
	/**
	 * Nothing tells which response belongs to which request, until a silence proves that none is owed: the capture began in
	 * the middle, or records of a client that asks on before all is answered were lost.
	 */
	unproven: bool;
	/** Bytes were lost since pairing was last certain. */
	holed: bool;
	/** Bytes came where a request should begin that are none; whoever reads them may answer them. */
	stray: bool;
	/** The next response had come when the request that waits was sent, and nothing was owed then. */
	unasked: bool;
	/** The row of the connection's first response, which came before its first request and waits for it. */
	early: Exchange;
	/** When bytes last moved, in either direction; the longest silences that responses broke lately: see silence.ts. */
	activeAt: u64;
	/** Likewise, of records that still wait, too. */
	arrivedAt: u64;
	owedLongest: u64;
	owedBefore: u64;
	owedCount: u32;
	/** The longest silences that requests broke lately without their proving anything. */
	thoughtLongest: u64;
	thoughtBefore: u64;
	thoughtCount: u32;
	/** When the last request began, when the last response, and when the last request that began after a response did. */
	requestStart: u64;
	responseStart: u64;
	turnStart: u64;
	/** When the response before the last one began. */
	responseBefore: u64;
	/** The shortest request so far, in bytes, 0: not known yet; where the last one begins. */
	shortestRequest: u64;
	requestOffset: u64;
	/** Responses that came while nothing waited: their requests may only be late. When the last of them began. */
	earlyResponses: u32;
	earlyStart: u64;
	/** The batch in which it was asked for, 0: never. */
	asked: u32;
	closedIn: u32;
	openedAt: u64;
	/** When its newest record was made; given up as idle since. */
	usedAt: u64;
	idle: bool;
	closedAt: u64;
	/** How long it had been silent then. */
	closeSilence: u64;
	comm0: u64;
	comm1: u64;

	local: usize;
	localLength: u32;
	remote: usize;
	remoteLength: u32;
	/** Inode numbers of a unix socket and of the other end; 0: not known. */
	socketNumber: u64;
	peerNumber: u64;
	/** The client's address as a PROXY preamble told it. */
	told: usize;
	toldLength: u32;

	/** Rows not handed out yet, in the order of their heads. */
	first: Exchange;
	last: Exchange;
	/** The oldest that waits for its response's first byte. */
	waiting: Exchange;
	waitingCount: u32;
	/** Responses to come that belong to requests already given up. */
	abandoned: u32;
	exchanges: u32;

	/** What is not certain about which response belongs to which request: see alignment.ts. */
	doubt: u32;
	/** Responses whose request is not decided yet, in order. */
	firstUnbound: Exchange;
	lastUnbound: Exchange;
	unboundCount: u32;
	/** Responses of the last gap at the least, and requests likewise. */
	lostResponses: u32;
	lostRequests: u32;
	/** Bytes of the last gap between requests, between responses. */
	requestGapBytes: u64;
	responseGapBytes: u64;
	/** The gap began inside a request (response) that has its row: the bytes seen of that one are counted too. */
	requestGapBegun: bool;
	responseGapBegun: bool;
	/** It holds the beginning of a response at least. */
	responseGapOne: bool;
	/** When the first record after it was made. */
	responseGapTime: u64;
	/** Responses without a request since the last request. */
	orphans: u32;
	/** The next request (response) comes right after a gap. */
	requestGap: bool;
	responseGap: bool;
	/** Responses begun so far. */
	responsesBegun: u32;

	/** A bit for each syscall that is in the list. */
	syscallsNoted: u64;
	syscalls0: u64;
	syscalls1: u64;
	syscallCount: u32;
	/** Last events of this connection in the ring, by direction: parts of one call are added up there. */
	lastEventIn: u64;
	lastEventOut: u64;

	/** Kept when the streams are gone: the requests were seen from the stream's beginning. */
	wholeRequests: bool;
	/** Pairing with the other side on this host: see mirrors.ts. */
	mirror: Connection;
	addressNext: Connection;
	addressHash: u32;
	recent: usize;
	recentCount: u32;
}

/** One direction of a connection. */
@unmanaged
export class Stream {
	connection: Connection;
	/** enum capture_direction. */
	direction: u8;
	/** CARRIES_*: what it carries. */
	role: u8;
	/** What it is in the middle of: see http1/framer.ts. */
	state: u8;
	/** Nothing comes any more. */
	ended: bool;
	/** EOF, shutdown or an error was seen: the stream ends at `finalOffset`, for REASON_*, orderly or not. */
	ending: bool;
	endReason: i32;
	endOrderly: bool;
	endedIn: u32;
	/** When that was seen, and how long the connection had been silent. */
	endedAt: u64;
	endSilence: u64;
	finalOffset: u64;
	/** Only captured from somewhere inside. */
	midstream: bool;
	/** Whether the response has a body is to be told by the next bytes. */
	guess: bool;
	/** Records waited long enough for a request: take them as they are. */
	forced: bool;

	/** Bytes of it were seen; where the first of them lies. */
	begun: bool;
	base: u64;
	/** Offset of the next byte to be taken. */
	next: u64;

	message: Message;
	/** The message before it, when what is passed over belongs to that: see spill.ts. */
	spill: Message;
	/** When it ended, had it ended before the line that is looked through. */
	spillTime: u64;
	/** Bytes of the current body, or of the current chunk, still to come. */
	remaining: u64;
	/** The last offset up to which the kernel was told not to copy. */
	skippedUntil: u64;

	// Of the head (or trailer section, or chunk-size line) being read.
	/** The head lies here, in the record itself, as long as it has come in one piece; 0: it is gathered. */
	inPlace: usize;
	/** Offset of the current line in the head. */
	lineStart: u32;
	/** Line ends seen since the last message; bytes that belong to none stood here. */
	leading: u32;
	garbage: bool;
	/** The last message said that it is the last. */
	closing: bool;
	/** The start line has been read. */
	started: bool;
	/** Lines are no longer kept: framing fields are looked for in `line`. */
	overflow: bool;
	/** The start line is too long to keep. */
	cutLine: bool;
	/** Bytes of the head that are kept at the most. */
	keepLimit: u32;
	/** Number of the first trailer field. */
	firstTrailer: u32;
	/** Last bytes of a start line that is too long to keep: its version is there. */
	tail0: u64;
	tail1: u64;
	line: usize;
	lineKept: u32;

	/** Chunk framing: digits seen, bytes of extensions and of all framing in this message. */
	chunkDigits: u32;
	extensionBytes: u64;
	framingBytes: u64;
	chunkState: u8;
	/** Bytes of the size line that came with earlier calls, and the first of them. */
	chunkLine: u32;
	chunkLine0: u64;
	chunkLine1: u64;
	chunkLine2: u64;
	chunkLine3: u64;
	/** In a quoted string of an extension; the byte before. */
	chunkQuoted: bool;
	chunkLast: u8;

	/** Records that wait, in order: after a gap for those that fill it, before a response for its request. */
	firstPending: Pending;
	lastPending: Pending;
	pendingCount: u32;
	pendingBytes: u32;

	/** Looking for the next head: the current line, as much of its end as is kept, and where in the stream it lies. */
	search: usize;
	searchLength: u32;
	searchOffset: u64;
	/** When its first byte came. */
	searchTime: u64;
	/** Its first byte was the first of a call; the line before was empty. */
	searchCall: bool;
	searchBlank: bool;
	/** The line was begun because it had waited long enough for a request. */
	searchForced: bool;
	/** The line that is kept was read for something else: a head may begin in it. */
	keptLine: bool;
	/** Bytes passed over, and whether they were because of a loss. */
	skipped: u64;
	searchLost: bool;
	/** Responses begun when the search began. */
	searchResponses: u32;
	/** The head being read was found by searching: an odd line shows that it is none. */
	tentative: bool;
}

/** A record that waits; a copy of it follows the struct. */
@unmanaged
export class Pending {
	next: Pending;
	/** Stream offset of the record's first byte. */
	offset: u64;
	/** The batch it came in. */
	batch: u32;
	bytes: u32;
}

/** A request or a response. */
@unmanaged
export class Message {
	exchange: Exchange;
	startTime: u64;
	endTime: u64;
	startOffset: u64;
	endOffset: u64;
	/** Nanoseconds without a byte on the connection before its first one. */
	silence: u64;
	/** It was sent when everything that had arrived was read, or not everything, as far as the kernel told. */
	allRead: bool;
	unread: bool;
	/** Who moved its first byte. */
	tid: u32;
	pid: u32;
	comm0: u64;
	comm1: u64;
	process: Process;

	/** Start line and field lines as sent, later the trailers. */
	head: usize;
	headLength: u32;
	headCapacity: u32;
	/** Field lines: HEADER_* with offsets from the head's first byte. */
	fields: usize;
	fieldCount: u32;
	fieldCapacity: u32;

	/** Start line: offsets from the head's first byte. */
	method: u32;
	methodLength: u32;
	target: u32;
	targetLength: u32;
	statusText: u32;
	statusTextLength: u32;
	host: u32;
	hostLength: u32;
	status: u32;
	version: u32;
	hasHost: bool;
	hasStatusText: bool;
	isResponse: bool;
	isHead: bool;
	isConnect: bool;
	/** Its request is not known: whether a body follows the head is guessed from the next bytes. */
	guess: bool;
	/** Field values that decide about framing. */
	hasLength: bool;
	badLength: bool;
	conflictingLength: bool;
	chunked: bool;
	otherCoding: bool;
	hasCoding: bool;
	codingField: bool;
	/** FIELD_* of head.ts: the last field line's; its value is empty or ends with a comma; badLength before it. */
	lastField: u8;
	valueOpen: bool;
	badBefore: bool;
	/** Connection: upgrade with an Upgrade field; 2: to websocket. */
	upgrade: u8;
	connectionUpgrade: bool;
	close: bool;
	keepAlive: bool;
	expectContinue: bool;
	http09: bool;
	/** Its first line cannot be read: what follows may be the rest of a head, or of a text. */
	odd: bool;
	/** A request that has its row, or had one. */
	hadRow: bool;
	/** It was given to its request before its head was complete. */
	placed: bool;
	/** Its framing cannot be read: nothing says where it ends. */
	unclear: bool;
	/** The connection goes over to another protocol with it. */
	upgraded: bool;
	/** The head is complete. */
	headed: bool;
	/** Its first byte was the first of a call. */
	beganCall: bool;
	/** The body has ended (or what there is of it). */
	ended: bool;
	/** A stream is reading it, and frees it when no row does. */
	reading: bool;
	/** Bytes are counted but no longer held. */
	dropped: bool;
	/** A gap lies before or between held bytes. */
	gapped: bool;
	/** REASON_* when it did not end as it should. */
	damage: i32;
	contentLength: u64;

	body: usize;
	bodyLength: u32;
	bodyCapacity: u32;
	bodyBytes: u64;
	wireBytes: u64;
	lostBytes: u64;
	anomalies: u64;

	viaCount: u32;
	/** VIAS bytes of enum capture_syscall. */
	vias: u64;
	/** VIAS times u64: bytes of the head, then of the body. */
	viaHead: u64;
	viaHead1: u64;
	viaHead2: u64;
	viaHead3: u64;
	viaHead4: u64;
	viaHead5: u64;
	viaHead6: u64;
	viaHead7: u64;
	viaBody: u64;
	viaBody1: u64;
	viaBody2: u64;
	viaBody3: u64;
	viaBody4: u64;
	viaBody5: u64;
	viaBody6: u64;
	viaBody7: u64;

	/** UNHELD_MAX times u64. */
	unheld: u64;
	unheld1: u64;
	unheld2: u64;
	unheld3: u64;
	unheld4: u64;
	unheld5: u64;
	unheld6: u64;
	unheld7: u64;
	unheld8: u64;
	unheld9: u64;
	unheld10: u64;
	unheld11: u64;
}

@unmanaged
export class Exchange {
	id: u64;
	connection: Connection;
	previous: Exchange;
	next: Exchange;
	request: Message;
	response: Message;
	process: Process;
	/** Microseconds since the epoch. */
	ts: f64;
	pairId: u64;
	anomalies: u64;
	/** STATE_*, REASON_*. */
	state: i32;
	reason: i32;
	/** Finished: only facts are waited for. */
	done: bool;
	/** It waits for the proof that its connection is HTTP. */
	suspected: bool;
	/** A response that has no row yet: see alignment.ts. */
	unbound: bool;
	/** Requests (of an unbound response: responses) may have been lost right before this one. */
	afterGap: bool;
	/** Of a request: a silence proves that no response was owed when it began. */
	idle: bool;
	/** At least that many. */
	lostBefore: u32;
	/** Responses to them that were seen before this request. */
	orphansBefore: u32;
	/** Its response came before it and has a row of its own: nothing that comes now is its answer. */
	answeredEarly: bool;
	/** The gap before it began in the middle of a message. */
	gapBegun: bool;
	/** The gap before a request may have held more requests than are accounted for. */
	crowded: bool;
	/** Bytes lost that seem its response's, and those that can only have been. */
	responseGapBytes: u64;
	lostBytes: u64;
	/** The batch until whose end facts are waited for. */
	doneIn: u32;
	interimCount: u32;
	/** INTERIMS times u16. */
	interims0: u64;
	interims1: u64;
	interims2: u64;
	interims3: u64;
}

export const NO_PROCESS = changetype<Process>(0);
export const NO_HOLD = changetype<Hold>(0);
export const NO_CONNECTION = changetype<Connection>(0);
export const NO_STREAM = changetype<Stream>(0);
export const NO_PENDING = changetype<Pending>(0);
export const NO_MESSAGE = changetype<Message>(0);
export const NO_EXCHANGE = changetype<Exchange>(0);

/** Is the observed process the client, as far as its streams are told apart? */
export function isClient(connection: Connection): bool {
	return connection.responses != NO_STREAM && connection.responses == connection.incoming;
}

/** Address of a struct's member. */
export function unheldAt(message: Message): usize {
	return changetype<usize>(message) + offsetof<Message>('unheld');
}

export function unheldTotal(message: Message): u64 {
	let sum: u64 = 0;
	for (let i = 0; i < UNHELD_MAX; i++) sum += load<u64>(unheldAt(message) + i * 8);
	return sum;
}
