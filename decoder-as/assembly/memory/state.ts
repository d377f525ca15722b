// What the decoder remembers, as plain structs in its own memory (unmanaged classes: an instance is an address). 0 means
// "none"; every struct starts zeroed.
import { UNHELD_MAX } from '../wire/output-layout';
import { ItemRow, Items } from './item-state';

export * from './item-state';

/** Syscalls counted separately for one message; any further ones are added to the last. */
export const VIAS: u32 = 8;
/** Maximum number of interim statuses listed. */
export const INTERIMS: u32 = 16;

/** What a stream carries. */
export const CARRIES_REQUESTS: u8 = 1;
export const CARRIES_RESPONSES: u8 = 2;
/** State of a stream that is not read: its bytes are only counted. http1/states.ts has the states of HTTP/1. */
export const OPAQUE: u8 = 9;
/** State of a stream that carries frames of HTTP/2. */
export const FRAMES: u8 = 13;
/** State of a stream that carries items, after an upgrade to WebSocket. */
export const TALKING: u8 = 14;

/** Whether a body contains items: not decided yet; no; yes. */
export const UNWATCHED: u8 = 0;
export const NOT_WATCHED: u8 = 1;
export const WATCHED: u8 = 2;

/** What is known about a process. An exchange keeps the process it began in, because pids are reused and names change. */
@unmanaged
export class Process {
	hashNext: Process;
	references: u32;
	pid: u32;
	/** FACT_PROCESS has arrived. */
	known: bool;
	/** It ended or called exec: the next record of this pid begins a new process. */
	over: bool;
	/** The batch in which user space was asked about it; 0: never. */
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
	/** The list of requests that it is answering: see parents.ts. */
	firstOpen: Exchange;
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
	/** It is in the list of connections that have decisions to make at the end of a batch. */
	due: bool;
	dueNext: Connection;

	incoming: Stream;
	outgoing: Stream;
	/** The stream of requests and the stream of responses; 0 until known. */
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
	/** Its rows wait for FACT_SOCKET. */
	unverified: bool;
	/** FACT_SOCKET said it is a file, or a limit was reached: all its records are ignored. */
	ignored: bool;
	/** FACT_SOCKET has arrived, or will not come. */
	answered: bool;
	/** It does not carry HTTP/1, or no longer does. */
	opaque: bool;
	/** HTTP/1 was seen on it. */
	recognised: bool;
	/** Its first bytes are not a request; its rows wait until the answer proves to be HTTP. */
	suspected: bool;
	/** Its first bytes are those of HTTP/2, as long as the answer may still be HTTP/1: see http2-start.ts. */
	preface: Preface;
	/** It carries HTTP/2. */
	http2: Http2;
	/** One of its calls began like frames of HTTP/2. */
	framed: bool;
	/** Direction and stream offset of that call. */
	framedIn: bool;
	framedOffset: u64;
	/** CONNECT was accepted: any protocol may follow, including HTTP/1. */
	tunnel: bool;
	/** TLS may begin later than the connection: in a tunnel, or after a preamble of the PROXY protocol. */
	wrapped: bool;
	/** Closed. Late records are still accepted until the end of the batch after `closedIn`. */
	closed: bool;
	/** Both streams have ended. Only rows that wait for facts are left. */
	gone: bool;
	/** Its row has been written. It is remembered for late records and for pairing with the other side. */
	buried: bool;
	/** It will be freed when its turn in the list of due connections comes. */
	forgotten: bool;
	/** The close record contained the ends of the streams. */
	finalKnown: bool;
	midstream: bool;
	/** A message could not be read to its end. */
	unreadable: bool;
	/** Two requests were seen waiting at the same time. */
	pipelining: bool;
	/** A request was seen to begin after all earlier ones had been answered. */
	turns: bool;
	/** The shortest time from the start of a request to the start of its response; 0: none seen yet. */
	fastest: u64;
	/** The client sends further requests before earlier ones are answered: see alignment.ts. */
	overlapping: bool;
	/**
	 * Pairing is unknown until a silence proves that no response is owed, because the capture began in the middle or
	 * records of an overlapping client were lost.
	 */
	unproven: bool;
	/** Bytes were lost since pairing was last certain. */
	holed: bool;
	/** Bytes that are not a request arrived where one should begin. The server may answer them. */
	stray: bool;
	/** The next response arrived before the waiting request was sent, when nothing was owed. */
	unasked: bool;
	/** The row of the first response, if it came before the first request and waits for it. */
	early: Exchange;
	/** When bytes last moved in either direction, and the longest recent silences that a response ended: see silence.ts. */
	activeAt: u64;
	/** The same, including records that are still waiting. */
	arrivedAt: u64;
	owedLongest: u64;
	owedBefore: u64;
	owedCount: u32;
	/** The longest recent silences that a request ended without proving anything. */
	thoughtLongest: u64;
	thoughtBefore: u64;
	thoughtCount: u32;
	/** When the last request, the last response, and the last request that followed a response began. */
	requestStart: u64;
	responseStart: u64;
	turnStart: u64;
	/** When the response before the last one began. */
	responseBefore: u64;
	/** Responses that arrived while no request waited (their requests may be late), and when the last one began. */
	earlyResponses: u32;
	earlyStart: u64;
	/** The batch in which user space was asked about it; 0: never. */
	asked: u32;
	closedIn: u32;
	openedAt: u64;
	/** Nanoseconds that connecting took; 0: not known. */
	connectNs: u64;
	/** From accept to the return of the first call that received bytes, in nanoseconds, plus 1; 0: not known. */
	acceptWait: u64;
	/** What the socket had measured when it was closed: microseconds, and retransmitted segments plus 1. 0: not known. */
	roundTripUs: u32;
	retransmits: u32;
	/** When its newest record was made, and whether it has been given up as idle since then. */
	usedAt: u64;
	idle: bool;
	closedAt: u64;
	/** How long it had been silent at that time. */
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
	/** The client's address from a PROXY preamble. */
	told: usize;
	toldLength: u32;

	/** Rows not yet written, in the order of their heads. */
	first: Exchange;
	last: Exchange;
	/** The oldest row still waiting for the first byte of its response. */
	waiting: Exchange;
	waitingCount: u32;
	/** Expected responses to requests that have already been given up. */
	abandoned: u32;
	exchanges: u32;

	/** What makes pairing uncertain: bits defined in alignment.ts. */
	doubt: u32;
	/** Responses not yet bound to a request, in order. */
	firstUnbound: Exchange;
	lastUnbound: Exchange;
	unboundCount: u32;
	/** Minimum number of responses, and of requests, lost in the last gap. */
	lostResponses: u32;
	lostRequests: u32;
	/** Bytes lost in the last gap between requests, and between responses. */
	requestGapBytes: u64;
	responseGapBytes: u64;
	/**
	 * The gap began inside a request (response) that already has a row. The bytes seen of it are included in the gap's
	 * size.
	 */
	requestGapBegun: bool;
	responseGapBegun: bool;
	/** The gap contains the beginning of at least one response. */
	responseGapOne: bool;
	/** Time of the first record after that gap. */
	responseGapTime: u64;
	/** Responses without a request since the last request. */
	orphans: u32;
	/** The next request (response) directly follows a gap. */
	requestGap: bool;
	responseGap: bool;
	/** Responses begun so far. */
	responsesBegun: u32;

	/** What is kept of the hellos of TLS: see tls/hello.ts. */
	clientHello: usize;
	clientHelloLength: u32;
	serverHello: usize;
	serverHelloLength: u32;

	/** Its newest TLS session whose plaintext is seen, and whether it ever had one: see connections/sessions.ts. */
	session: Connection;
	carries: bool;
	/** It is such a session, of this connection (NO_CONNECTION once its rows are written), which had this one before it. */
	isSession: bool;
	carrier: Connection;
	earlierSession: Connection;
	/** PROTOCOL_* of the HTTP in its sessions that are over; 0: there was none. */
	sessionProtocol: i32;
	/** It stands for a TLS session whose connection is not known. */
	unmapped: bool;
	/** enum capture_tls_library that its plaintext comes from; 0: it is no plaintext of TLS. */
	library: u8;

	/** One bit per syscall in the list. */
	syscallsNoted: u64;
	syscallsNotedHigh: u64;
	syscalls0: u64;
	syscalls1: u64;
	syscallCount: u32;
	/** This connection's newest events in the ring, by direction. Parts of one call are added up there. */
	lastEventIn: u64;
	lastEventOut: u64;

	/** The requests were seen from the beginning of the stream. Kept after the streams are freed. */
	wholeRequests: bool;
	/** Pairing with the other side on this host: see mirrors.ts. */
	mirror: Connection;
	addressNext: Connection;
	addressHash: u32;
	/** It has room for the rows of many streams of HTTP/2. */
	remembersMore: bool;
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
	/** Its position within a message: see http1/states.ts. */
	state: u8;
	/** No more bytes will come. */
	ended: bool;
	/** EOF, shutdown or an error was seen: the stream ends at `finalOffset`, with a REASON_*, orderly or not. */
	ending: bool;
	endReason: i32;
	endOrderly: bool;
	/** It ends only with its connection. */
	endsWithClose: bool;
	endedIn: u32;
	/** When that was seen, and how long the connection had been silent before. */
	endedAt: u64;
	endSilence: u64;
	finalOffset: u64;
	/** Its beginning was not captured. */
	midstream: bool;
	/** The next bytes will show whether the response has a body. */
	guess: bool;
	/** Records have waited long enough for a request and are now taken as they are. */
	forced: bool;

	/** Whether bytes of it were seen, and the offset of the first one. */
	begun: bool;
	base: u64;
	/** Offset of the next byte to be taken. */
	next: u64;

	/** Length of its shortest message so far (0: unknown), and where the last one begins, if there was one. */
	shortest: u64;
	lastStart: u64;
	measured: bool;

	/** What is read of HTTP/2 in this direction. */
	frames: Frames;
	/** What is read of WebSocket in this direction. */
	items: Items;
	/** The hello of TLS that is being read, and where one may begin. */
	hello: Hello;
	helloAt: u64;
	message: Message;
	/** The message that the skipped bytes belong to: see spill.ts. */
	spill: Message;
	/** The end time of that message if it ended before the line being searched. */
	spillTime: u64;
	/** Bytes of the current body or chunk still to come. */
	remaining: u64;
	/** The kernel was told not to copy bytes before this offset. */
	skippedUntil: u64;

	// For the head (or trailer section, or chunk-size line) being read.
	/** Address of the head inside the record, as long as it arrives in one piece; 0: it is gathered in the message. */
	inPlace: usize;
	/** Offset of the current line in the head. */
	lineStart: u32;
	/** Line ends since the last message, and whether bytes here belong to no message. */
	leading: u32;
	garbage: bool;
	/** The last message announced the end of the connection. */
	closing: bool;
	/** The start line has been read. */
	started: bool;
	/** Lines are no longer kept; framing fields are still read from `line`. */
	overflow: bool;
	/** The start line is too long to keep. */
	cutLine: bool;
	/** Maximum bytes of the head that are kept. */
	keepLimit: u32;
	/** Number of the first trailer field. */
	firstTrailer: u32;
	/** The last bytes of a start line that is too long to keep; they contain its version. */
	tail0: u64;
	tail1: u64;
	line: usize;
	lineKept: u32;

	/** Chunk framing: digits seen, bytes of extensions and of all framing in this message. */
	chunkDigits: u32;
	extensionBytes: u64;
	framingBytes: u64;
	chunkState: u8;
	/** Number of bytes of the size line from earlier calls, and the first of those bytes. */
	chunkLine: u32;
	chunkLine0: u64;
	chunkLine1: u64;
	chunkLine2: u64;
	chunkLine3: u64;
	/** Inside a quoted string of an extension; and the previous byte. */
	chunkQuoted: bool;
	chunkLast: u8;

	/** Waiting records in order: those after a gap that may still be filled, or a response whose request has not come. */
	firstPending: Pending;
	lastPending: Pending;
	pendingCount: u32;
	pendingBytes: u32;

	/** The search for the next head: the kept end of the current line, and its position in the stream. */
	search: usize;
	searchLength: u32;
	searchOffset: u64;
	/** When the first byte of that line arrived. */
	searchTime: u64;
	/** Its first byte was the first of a call; the previous line was empty. */
	searchCall: bool;
	searchBlank: bool;
	/** The line was started because it had waited long enough for a request. */
	searchForced: bool;
	/** The kept line was first read as something else, and a head may begin in it. */
	keptLine: bool;
	/** Bytes skipped, and whether a loss was the reason. */
	skipped: u64;
	searchLost: bool;
	/** `responsesBegun` when the search started. */
	searchResponses: u32;
	/** The head being read was found by searching. An odd line shows that it is not a head. */
	tentative: bool;
}

/** A record that waits; a copy of it follows the struct. */
@unmanaged
export class Pending {
	next: Pending;
	/** Stream offset of the record's first byte. */
	offset: u64;
	/** The batch in which it arrived. */
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
	/** Nanoseconds of silence on the connection before its first byte. */
	silence: u64;
	/** According to the kernel, the sender had (allRead) or had not (unread) read everything that had arrived. */
	allRead: bool;
	unread: bool;
	/** The thread that moved its first byte. */
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
	/** Its scheme is https. */
	isHttps: bool;
	/** Its request is not known, so the next bytes decide whether it has a body. */
	guess: bool;
	/** Values of fields that affect framing. */
	hasLength: bool;
	badLength: bool;
	conflictingLength: bool;
	chunked: bool;
	otherCoding: bool;
	hasCoding: bool;
	codingField: bool;
	/**
	 * FIELD_* of head.ts for the last field line; whether its value is empty or ends with a comma; badLength before
	 * it.
	 */
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
	/** Its first line cannot be read. The rest of a head may follow, or plain text. */
	odd: bool;
	/** A request that has its row, or had one. */
	hadRow: bool;
	/** It was bound to its request before its head was complete. */
	placed: bool;
	/** Its framing cannot be read, so its end is not known. */
	unclear: bool;
	/** The connection switches to another protocol after it. */
	upgraded: bool;
	/** The head is complete. */
	headed: bool;
	/** Its first byte was the first of a call. */
	beganCall: bool;
	/** Its body has ended, complete or not. */
	ended: bool;
	/** A stream is still reading it, and will free it if no row owns it. */
	reading: bool;
	/** Bytes are counted but no longer held. */
	dropped: bool;
	/** There is a gap before or between the held bytes. */
	gapped: bool;
	/** UNWATCHED, NOT_WATCHED or WATCHED; if it is watched, what is read of its body's items. */
	watch: u8;
	items: Items;
	/** REASON_* if it did not end properly. */
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
	/** For a client: the row of the request that was being answered when this one was sent; 0: none or unknown. */
	parentId: u64;
	/** Links in the list of its process, and hashes of its x-request-id and trace id once needed: see parents.ts. */
	isOpen: bool;
	hashed: bool;
	openNext: Exchange;
	openPrevious: Exchange;
	requestIdHash: u32;
	traceIdHash: u32;
	anomalies: u64;
	/** STATE_*, REASON_*. */
	state: i32;
	reason: i32;
	/** It is finished and waits only for facts. */
	done: bool;
	/** It waits until its connection proves to be HTTP. */
	suspected: bool;
	/** A response not yet bound to a request: see alignment.ts. */
	unbound: bool;
	/** Requests (of an unbound response: responses) may have been lost right before this one. */
	afterGap: bool;
	/** For a request: a silence proves that no response was owed when it began. */
	idle: bool;
	/** Minimum number of them. */
	lostBefore: u32;
	/** Responses to lost requests that were seen before this request. */
	orphansBefore: u32;
	/** Its response came first and has its own row, so no later response answers it. */
	answeredEarly: bool;
	/** The gap before it began in the middle of a message. */
	gapBegun: bool;
	/** The gap before this request may have held more requests than were counted. */
	crowded: bool;
	/** Lost bytes that probably belong to its response, and those that certainly do. */
	responseGapBytes: u64;
	lostBytes: u64;
	/** It waits for facts until the end of this batch. */
	doneIn: u32;
	/** Number of its stream of HTTP/2; 0: it is not one. */
	streamId: u32;
	/** Its items, if there are any. */
	itemRow: ItemRow;
	interimCount: u32;
	/** INTERIMS times u16. */
	interims0: u64;
	interims1: u64;
	interims2: u64;
	interims3: u64;
}

/** The bytes of a client that begins with HTTP/2, in the order in which calls brought them: Kept. */
@unmanaged
export class Preface {
	stream: Stream;
	first: Kept;
	last: Kept;
	/** How many bytes of it have been seen, and how many are kept. */
	matched: u32;
	bytes: u32;
}

/** Bytes of one call, which follow the struct. */
@unmanaged
export class Kept {
	next: Kept;
	/** Stream offset of the first byte. */
	offset: u64;
	length: u32;
	/** The call, as kept by wire/call.ts. */
	call0: u64;
	call1: u64;
	call2: u64;
	call3: u64;
	call4: u64;
	call5: u64;
	call6: u64;
}

/** HTTP/2 on a connection. */
@unmanaged
export class Http2 {
	connection: Connection;
	/** Its open streams, each a Lane: by id, and in the order in which they began. */
	lanes: usize;
	firstLane: Lane;
	lastLane: Lane;
	laneCount: u32;
	/** The highest ids of a request, and of a pushed response, seen so far. */
	highestRequest: u32;
	highestPushed: u32;
	/** Requests may have been missed: its beginning was not seen, or bytes were lost. */
	holed: bool;
	/** A frame was read. */
	framed: bool;
	/** The lowest id that a GOAWAY has refused; 0: none yet. And `highestRequest` at that time. */
	refusedFrom: u32;
	refusedAt: u32;
	/** The streams reset last, whose frames may still arrive: u32 ids. */
	resets: usize;
	resetCount: u32;
}

/** One stream of HTTP/2. (Stream is one direction of a connection.) */
@unmanaged
export class Lane {
	id: u32;
	hashNext: Lane;
	previous: Lane;
	next: Lane;
	/** Its row, as long as that is open. */
	exchange: Exchange;
	request: Message;
	response: Message;
	requestEnded: bool;
	responseEnded: bool;
	/** Bytes were lost that may have contained its response. */
	unsure: bool;
	/** The server promised a response that was not asked for. */
	pushed: bool;
}

/** What is read of HTTP/2 in one direction. */
@unmanaged
export class Frames {
	table: HeaderTable;
	/** Where it is in a frame: see http2-frames.ts. */
	state: u8;
	/** Bytes of the preface, of a frame's header, or of its fixed part that have been read, and these bytes. */
	taken: u32;
	gathered0: u64;
	gathered1: u64;
	/** When the first byte of the frame arrived, and its stream offset. */
	time: u64;
	offset: u64;
	/** The frame: its type, flags, stream, and payload bytes still to come. */
	type: u32;
	flags: u32;
	id: u32;
	left: u32;
	/** Length of its fixed part, and of the padding at its end. */
	fixed: u32;
	padding: u32;
	/** How long its padding is was lost. */
	unbounded: bool;
	/** Bytes of it that are neither header block nor data, not yet counted for a message. */
	framing: u32;
	/** The header block being read: it goes on in a CONTINUATION; the stream of its frames, and of its message. */
	inBlock: bool;
	blockStream: u32;
	blockId: u32;
	promised: u32;
	/** The block ends its stream. */
	blockEnds: bool;
	/** Its fields are trailers. */
	trailers: bool;
	/** A pseudo-header was seen in the block, and a field that is none. */
	pseudo: bool;
	regular: bool;
	/** The rest of the block cannot be read. */
	blockBroken: bool;
	/** Its message; NO_MESSAGE: only the table is kept up to date. */
	blockMessage: Message;
	/** The beginning of a field that continues in further bytes. */
	rest: usize;
	restLength: u32;
	restCapacity: u32;
	/** The largest frame that the other side accepts. */
	frameMost: u32;
	/** Where frames begin was found by searching. */
	found: bool;
	/** Bytes that may have contained whole frames and were not read. */
	missing: u64;
	/** Skipped bytes count as lost. */
	lost: bool;
	skipped: u64;
}

/** The hello of TLS being read in one direction: see tls/records.ts. */
@unmanaged
export class Hello {
	/** The header of a record, and how much of it has been read. */
	header: u64;
	headerTaken: u32;
	/** Bytes of the record still to come; its content is passed over. */
	left: u32;
	passing: bool;
	/** Type and length of the message, and how much of them has been read. */
	head: u32;
	headTaken: u32;
	/** The message after them, `length` of `need` bytes. */
	message: usize;
	length: u32;
	need: u32;
}

/** The dynamic table of HPACK for one direction: see http2/hpack.ts. */
@unmanaged
export class HeaderTable {
	/** Addresses of entries: a ring whose newest is at `newest`. */
	entries: usize;
	capacity: u32;
	newest: u32;
	count: u32;
	/** Size of the entries, and its limit. */
	size: u32;
	most: u32;
	/** There are no entries that are not known. */
	whole: bool;
}

export const NO_PROCESS = changetype<Process>(0);
export const NO_HOLD = changetype<Hold>(0);
export const NO_CONNECTION = changetype<Connection>(0);
export const NO_STREAM = changetype<Stream>(0);
export const NO_PENDING = changetype<Pending>(0);
export const NO_MESSAGE = changetype<Message>(0);
export const NO_EXCHANGE = changetype<Exchange>(0);
export const NO_PREFACE = changetype<Preface>(0);
export const NO_KEPT = changetype<Kept>(0);
export const NO_HTTP2 = changetype<Http2>(0);
export const NO_LANE = changetype<Lane>(0);
export const NO_FRAMES = changetype<Frames>(0);
export const NO_HELLO = changetype<Hello>(0);
export const NO_TABLE = changetype<HeaderTable>(0);

/** Whether it carries plaintext of TLS: then its offsets are not those of a socket. */
export function isPlaintext(connection: Connection): bool {
	return connection.isSession || connection.unmapped;
}

/** Whether the observed process is the client, if the streams' roles are known. */
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
