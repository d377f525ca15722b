// The decoder's output: entries in a buffer, each a fixed part followed by the bytes that its ranges point to. This one file
// is compiled by AssemblyScript into the decoder and imported by TypeScript (where i32 is a number), so that the layout is
// written once. Offsets are from the entry's first byte; an entry begins at a multiple of 8.
//
// Every entry: u32 size (a multiple of 8, all of the entry), u32 type. f64 members are exact integers unless said
// otherwise. A `range` is u32 offset (from the entry's first byte), u32 length; offset 0 means NULL.

export const ENTRY_SIZE: i32 = 0;
export const ENTRY_TYPE: i32 = 4;

export const ENTRY_EXCHANGE: i32 = 1;
export const ENTRY_CONNECTION: i32 = 2;
export const ENTRY_EVENT: i32 = 3;
export const ENTRY_PAIR: i32 = 4;
export const ENTRY_QUESTION: i32 = 5;
export const ENTRY_BLIND_SPOT: i32 = 6;
export const ENTRY_SKIP: i32 = 7;
export const ENTRY_MESSAGE: i32 = 8;
export const ENTRY_CODED: i32 = 9;

// ---- ENTRY_EXCHANGE: a row of `exchanges` -------------------------------------------------------------------------

/** f64: 1, 2, 3 … in the order heads became complete. */
export const EXCHANGE_ID: i32 = 8;
/** f64: connection id. */
export const EXCHANGE_CONN: i32 = 16;
/** f64: microseconds since the epoch, UTC. */
export const EXCHANGE_TS: i32 = 24;
/** f64, NaN for NULL: milliseconds, with fraction. */
export const EXCHANGE_DURATION_MS: i32 = 32;
/** f64, NaN for NULL. */
export const EXCHANGE_TTFB_MS: i32 = 40;
/** f64, NaN if the message was not seen: true length after transfer decoding. */
export const EXCHANGE_REQ_BODY_BYTES: i32 = 48;
export const EXCHANGE_RES_BODY_BYTES: i32 = 56;
/** f64: how many of them are held. */
export const EXCHANGE_REQ_CAPTURED_BYTES: i32 = 64;
export const EXCHANGE_RES_CAPTURED_BYTES: i32 = 72;
/** f64, NaN for NULL. */
export const EXCHANGE_RES_WIRE_BYTES: i32 = 80;
/** f64: bytes of this exchange known to be lost. */
export const EXCHANGE_LOST_BYTES: i32 = 88;
/** f64: id of the row seen from the other side, 0 if there is none (yet: see ENTRY_PAIR). */
export const EXCHANGE_PAIR_ID: i32 = 96;
/** u64 bit mask of ANOMALY_*; two u32, low first. */
export const EXCHANGE_ANOMALIES: i32 = 104;
/** u32 STATE_*, REASON_*, SIDE_*. */
export const EXCHANGE_STATE: i32 = 112;
export const EXCHANGE_REASON: i32 = 116;
export const EXCHANGE_SIDE: i32 = 120;
export const EXCHANGE_PID: i32 = 124;
export const EXCHANGE_TID: i32 = 128;
/** u32, 0 for NULL. */
export const EXCHANGE_STATUS: i32 = 132;
/** u32: major << 8 | minor, 0 for NULL; of the final response. */
export const EXCHANGE_HTTP_VERSION: i32 = 136;
/** u32 enum capture_syscall, 0 for NULL. */
export const EXCHANGE_VIA: i32 = 140;
export const EXCHANGE_REQ_VIA: i32 = 144;
/** u32 bit mask of EXCHANGE_FLAG_*. */
export const EXCHANGE_FLAGS: i32 = 148;
/** Ranges. Texts are the bytes as sent. */
export const EXCHANGE_METHOD: i32 = 152;
/** The request target as sent. */
export const EXCHANGE_TARGET: i32 = 160;
/** The target up to `?` (absolute-form: its path). */
export const EXCHANGE_PATH: i32 = 168;
/** After `?`; NULL if there is no `?`. */
export const EXCHANGE_QUERY: i32 = 176;
/** From the target's authority, else the Host field. */
export const EXCHANGE_HOST: i32 = 184;
export const EXCHANGE_STATUS_TEXT: i32 = 192;
/** Text `100,103`. */
export const EXCHANGE_INTERIM: i32 = 200;
/** Ranges: the process's name, and the thread's name. */
export const EXCHANGE_COMM: i32 = 208;
export const EXCHANGE_THREAD_COMM: i32 = 216;
export const EXCHANGE_CMDLINE: i32 = 224;
export const EXCHANGE_CGROUP: i32 = 232;
export const EXCHANGE_LOCAL: i32 = 240;
export const EXCHANGE_REMOTE: i32 = 248;
/** One byte of enum capture_syscall for each, in order of first use for the response. */
export const EXCHANGE_VIAS: i32 = 256;
/** Field lines, see HEADER_*: length is that of the whole list. */
export const EXCHANGE_REQ_HEADERS: i32 = 264;
export const EXCHANGE_RES_HEADERS: i32 = 272;
/** Held bytes after transfer decoding. NULL: nothing captured; length 0: the body is empty. */
export const EXCHANGE_REQ_BODY: i32 = 280;
export const EXCHANGE_RES_BODY: i32 = 288;
/** f64 × UNHELD_MAX: body bytes not held, by UNHELD_*. */
export const EXCHANGE_REQ_UNHELD: i32 = 296;
export const EXCHANGE_RES_UNHELD: i32 = 392;
/** Range: path of the process's executable. */
export const EXCHANGE_EXE: i32 = 488;
/** u32, of the request, like EXCHANGE_HTTP_VERSION. */
export const EXCHANGE_REQ_HTTP_VERSION: i32 = 496;
/** u32: number of the stream of HTTP/2, 0 for NULL. */
export const EXCHANGE_STREAM_ID: i32 = 500;
/** f64, NaN if the request was not seen: milliseconds from its first byte to the last one that was seen. */
export const EXCHANGE_SEND_MS: i32 = 504;
/** f64: for a client, id of the row of the request that was being answered when this one was sent; 0: none or unknown. */
export const EXCHANGE_PARENT_ID: i32 = 512;
/** u32 enum capture_tls_library that its plaintext comes from, 0 for NULL. */
export const EXCHANGE_TLS: i32 = 520;
// 524: 0
export const EXCHANGE_FIXED_BYTES: i32 = 528;

/** The request's (response's) head was seen. */
export const EXCHANGE_FLAG_REQUEST: i32 = 1;
export const EXCHANGE_FLAG_RESPONSE: i32 = 2;
/** The held bytes of the body are its first ones, without a gap before or between them. */
export const EXCHANGE_FLAG_REQ_PREFIX: i32 = 4;
export const EXCHANGE_FLAG_RES_PREFIX: i32 = 8;
/** The body has ended (complete or not). */
export const EXCHANGE_FLAG_REQ_ENDED: i32 = 16;
export const EXCHANGE_FLAG_RES_ENDED: i32 = 32;
/** It was in a TLS session, or the request says that its scheme is https (HTTP/2). */
export const EXCHANGE_FLAG_HTTPS: i32 = 64;

/** Why body bytes are not held: index into EXCHANGE_*_UNHELD. */
export const UNHELD_SENDFILE: i32 = 0;
export const UNHELD_SPLICE: i32 = 1;
export const UNHELD_BODY_LIMIT: i32 = 2;
export const UNHELD_CAPTURE_LIMIT: i32 = 3;
export const UNHELD_IOVEC_LIMIT: i32 = 4;
export const UNHELD_FAULT: i32 = 5;
export const UNHELD_LOST: i32 = 6;
export const UNHELD_DISCARDED: i32 = 7;
export const UNHELD_MEMORY: i32 = 8;
export const UNHELD_OTHER: i32 = 9;
/** Lost bytes that no call has shown. */
export const UNHELD_UNSEEN: i32 = 10;
/** Even, because they are read in pairs. */
export const UNHELD_MAX: i32 = 12;

/** One field line of a header list: five u32. Offsets are from the entry's first byte. Trailers follow the head's. */
export const HEADER_NAME_OFFSET: i32 = 0;
export const HEADER_NAME_LENGTH: i32 = 4;
export const HEADER_VALUE_OFFSET: i32 = 8;
export const HEADER_VALUE_LENGTH: i32 = 12;
/** 1: a trailer. */
export const HEADER_FLAGS: i32 = 16;
export const HEADER_BYTES: i32 = 20;

export const STATE_OPEN: i32 = 0;
export const STATE_COMPLETE: i32 = 1;
export const STATE_INCOMPLETE: i32 = 2;
export const STATE_UNANSWERED: i32 = 3;
export const STATE_UPGRADED: i32 = 4;

export const REASON_NONE: i32 = 0;
export const REASON_PEER_CLOSED: i32 = 1;
export const REASON_PROCESS_EXITED: i32 = 2;
export const REASON_BYTES_LOST: i32 = 3;
export const REASON_EVICTED: i32 = 4;
export const REASON_CAPTURE_ENDED: i32 = 5;
export const REASON_MALFORMED: i32 = 6;
export const REASON_REQUEST_NOT_SEEN: i32 = 7;
/** The observed process closed it itself. */
export const REASON_CLOSED: i32 = 8;
export const REASON_CONNECTION_RESET: i32 = 9;
export const REASON_TIMED_OUT: i32 = 10;
/** More requests than the limit waited for a response. */
export const REASON_TOO_MANY_WAITING: i32 = 11;
/** The response's head was sent by sendfile or splice, so nothing of it can be read. */
export const REASON_HEAD_NOT_CAPTURED: i32 = 12;
/** The connection was open before the capture, and it is unknown which response belongs to which request. */
export const REASON_CAPTURE_BEGAN: i32 = 13;
/** A side reset the stream (RST_STREAM): its error code is added, 14 for codes without a name. */
export const RESET_REASON: i32 = 32;
/** The server did not take the request (GOAWAY): the same. */
export const GOAWAY_REASON: i32 = 48;

export const SIDE_UNKNOWN: i32 = 0;
export const SIDE_SERVER: i32 = 1;
export const SIDE_CLIENT: i32 = 2;

// ---- ENTRY_CONNECTION: a row of `connections` -----------------------------------------------------------------------

export const CONNECTION_ID: i32 = 8;
/** f64 microseconds since the epoch; closed is NaN while open. */
export const CONNECTION_OPENED: i32 = 16;
export const CONNECTION_CLOSED: i32 = 24;
export const CONNECTION_BYTES_IN: i32 = 32;
export const CONNECTION_BYTES_OUT: i32 = 40;
export const CONNECTION_EXCHANGES: i32 = 48;
export const CONNECTION_PID: i32 = 56;
export const CONNECTION_SIDE: i32 = 60;
export const CONNECTION_PROTOCOL: i32 = 64;
/** u32: 1 if no exchange is in progress, and all earlier ones were paired without doubt; 2: its HTTP is inside TLS. */
export const CONNECTION_AT_REST: i32 = 68;
/** Ranges. */
export const CONNECTION_COMM: i32 = 72;
export const CONNECTION_LOCAL: i32 = 80;
export const CONNECTION_REMOTE: i32 = 88;
/** Bytes of enum capture_syscall in order of first use. */
export const CONNECTION_SYSCALLS: i32 = 96;
/** f64: the stream offsets reached in directions in and out. */
export const CONNECTION_OFFSET_IN: i32 = 104;
export const CONNECTION_OFFSET_OUT: i32 = 112;
/** f64 milliseconds, NaN if not known: connecting; from accept to the first bytes read; the round-trip time at the end. */
export const CONNECTION_CONNECT_MS: i32 = 120;
export const CONNECTION_ACCEPT_WAIT_MS: i32 = 128;
export const CONNECTION_RTT_MS: i32 = 136;
/** f64, NaN if not known: segments sent again. */
export const CONNECTION_RETRANSMITS: i32 = 144;
/** Ranges: what is kept of the hellos of TLS (tls/hello.ts); 0 if none was seen. */
export const CONNECTION_CLIENT_HELLO: i32 = 152;
export const CONNECTION_SERVER_HELLO: i32 = 160;
export const CONNECTION_FIXED_BYTES: i32 = 168;

// What is kept of a hello: numbers in network order; a list has a u16 number of bytes before it.
// Of a client's: u16 version, u8 flags, u8 0; the lists of cipher suites, types of extensions, the server's name, names of
// protocols (ALPN), versions, signature algorithms.
// Of a server's: u16 version, u16 cipher suite; the list of names of protocols, with the one that it chose.
export const HELLO_FLAGS: i32 = 2;
export const HELLO_LISTS: i32 = 4;
/** Flags: there are the extensions server_name and encrypted_client_hello. */
export const HELLO_HAS_NAME: i32 = 1;
export const HELLO_HAS_ECH: i32 = 2;

export const PROTOCOL_UNKNOWN: i32 = 0;
export const PROTOCOL_HTTP1: i32 = 1;
export const PROTOCOL_TLS: i32 = 2;
export const PROTOCOL_HTTP2: i32 = 3;
export const PROTOCOL_WEBSOCKET: i32 = 4;
export const PROTOCOL_OTHER: i32 = 5;

// ---- ENTRY_EVENT: a row of `events` (one per call, its parts added up) -------------------------------------------------

export const EVENT_TS: i32 = 8;
export const EVENT_CONN: i32 = 16;
/** f64: what the call returned, and how much of it was captured. */
export const EVENT_BYTES: i32 = 24;
export const EVENT_CAPTURED_BYTES: i32 = 32;
export const EVENT_PID: i32 = 40;
export const EVENT_TID: i32 = 44;
/** i32 */
export const EVENT_FD: i32 = 48;
export const EVENT_SYSCALL: i32 = 52;
export const EVENT_DIRECTION: i32 = 56;
/** u32 enum capture_flag of all parts, or-ed. */
export const EVENT_FLAGS: i32 = 60;
/** 16 bytes, NUL-padded. */
export const EVENT_COMM: i32 = 64;
/** u32 enum capture_kind. */
export const EVENT_KIND: i32 = 80;
// 84: 0
export const EVENT_FIXED_BYTES: i32 = 88;

// ---- ENTRY_PAIR: two rows are the same exchange seen from both sides ---------------------------------------------------

/** f64 ids; to be applied to both rows. */
export const PAIR_A: i32 = 8;
export const PAIR_B: i32 = 16;
export const PAIR_FIXED_BYTES: i32 = 24;

// ---- ENTRY_QUESTION: a fact that only user space can find ---------------------------------------------------------------

/** f64, 0 if the question is about a process. */
export const QUESTION_CONN: i32 = 8;
export const QUESTION_PID: i32 = 16;
/** i32 */
export const QUESTION_FD: i32 = 20;
export const QUESTION_WHAT: i32 = 24;
// 28: 0
export const QUESTION_FIXED_BYTES: i32 = 32;

/** Answer with CAPTURE_FACT_SOCKET: is it a socket, and its addresses. */
export const QUESTION_SOCKET: i32 = 1;
/** Answer with CAPTURE_FACT_PROCESS. */
export const QUESTION_PROCESS: i32 = 2;

// ---- ENTRY_SKIP: bytes that need not be copied any more -----------------------------------------------------------------

/** f64: the connection. */
export const SKIP_CONN: i32 = 8;
/** f64: stream offset; bytes before it are body beyond the limit, or of a protocol that is not read. Only a hint. */
export const SKIP_UNTIL: i32 = 16;
/** u32 enum capture_direction. */
export const SKIP_DIRECTION: i32 = 24;
// 28: 0
export const SKIP_FIXED_BYTES: i32 = 32;

// ---- ENTRY_MESSAGE: a row of `messages`, which the decoder calls an item -----------------------------------------------------

/** f64: id of its exchange. */
export const MESSAGE_EXCHANGE: i32 = 8;
/** f64: microseconds since the epoch, when the call that completed it returned. */
export const MESSAGE_TS: i32 = 16;
/** f64, NaN if it is not known: its true length. */
export const MESSAGE_BYTES: i32 = 24;
/** f64: bytes that are not held: beyond the body limit, for lack of memory, and not captured. */
export const MESSAGE_LIMITED: i32 = 32;
export const MESSAGE_NO_MEMORY: i32 = 40;
export const MESSAGE_MISSING: i32 = 48;
/** u32 UNHELD_*: why bytes were not captured. */
export const MESSAGE_MISSING_REASON: i32 = 56;
/** u32: its place among those of the exchange, from 1. */
export const MESSAGE_SEQ: i32 = 60;
/** u32 enum capture_direction, MESSAGE_KIND_*, bit mask of MESSAGE_FLAG_*, MESSAGE_CODING_*. */
export const MESSAGE_DIRECTION: i32 = 64;
export const MESSAGE_KIND: i32 = 68;
export const MESSAGE_FLAGS: i32 = 72;
export const MESSAGE_CODING: i32 = 76;
/** Ranges: the held bytes; name and id of a server-sent event, or the media type of a part. */
export const MESSAGE_DATA: i32 = 80;
export const MESSAGE_EVENT: i32 = 88;
export const MESSAGE_EVENT_ID: i32 = 96;
export const MESSAGE_FIXED_BYTES: i32 = 104;

/** It is not known what the bytes are. */
export const MESSAGE_KIND_UNKNOWN: i32 = 0;
export const MESSAGE_KIND_EVENT: i32 = 1;
export const MESSAGE_KIND_TEXT: i32 = 2;
export const MESSAGE_KIND_BINARY: i32 = 3;
export const MESSAGE_KIND_PING: i32 = 4;
export const MESSAGE_KIND_PONG: i32 = 5;
export const MESSAGE_KIND_CLOSE: i32 = 6;
export const MESSAGE_KIND_GRPC: i32 = 7;
export const MESSAGE_KIND_PART: i32 = 8;

/** The stream ended before the message did. */
export const MESSAGE_FLAG_UNENDED: i32 = 1;
/** Bytes are missing in which further messages may have begun or ended. */
export const MESSAGE_FLAG_LOST: i32 = 2;
/** The framing is invalid, so the rest of the stream was not read. */
export const MESSAGE_FLAG_INVALID: i32 = 4;
/** There is a gap before or between the held bytes. */
export const MESSAGE_FLAG_GAPPED: i32 = 8;
/** Trailers of gRPC-Web. */
export const MESSAGE_FLAG_TRAILERS: i32 = 16;
/** There was no memory for an earlier one of this direction. */
export const MESSAGE_FLAG_AFTER_DROPPED: i32 = 32;
/** The content coding could not be undone, so the rest of the stream was not read. */
export const MESSAGE_FLAG_CODED: i32 = 64;

/** How the held bytes are compressed: not, by permessage-deflate, by gRPC's gzip or deflate, otherwise. */
export const MESSAGE_CODING_NONE: i32 = 0;
export const MESSAGE_CODING_DEFLATE: i32 = 1;
export const MESSAGE_CODING_GZIP: i32 = 2;
export const MESSAGE_CODING_ZLIB: i32 = 3;
export const MESSAGE_CODING_OTHER: i32 = 4;
export const MESSAGE_CODING_BROTLI: i32 = 5;
export const MESSAGE_CODING_ZSTD: i32 = 6;

// ---- ENTRY_CODED: bytes of a body whose messages have to be decompressed ---------------------------------------------------

/** u32: number of the body; u32 MESSAGE_CODING_*; u32 bit mask of CODED_FLAG_*. The host answers with takeDecoded(). */
export const CODED_ID: i32 = 8;
export const CODED_CODING: i32 = 12;
export const CODED_FLAGS: i32 = 16;
// 20: 0
/** u64: time of the call that brought the last byte. */
export const CODED_TIME: i32 = 24;
/** Range. */
export const CODED_DATA: i32 = 32;
export const CODED_FIXED_BYTES: i32 = 40;

/** The body begins; bytes are missing after these; it ends with these, properly or not. */
export const CODED_FLAG_FIRST: i32 = 1;
export const CODED_FLAG_LOST: i32 = 2;
export const CODED_FLAG_END: i32 = 4;
export const CODED_FLAG_PROPERLY: i32 = 8;
/** Only in answers: the bytes could not be decompressed. */
export const CODED_FLAG_FAILED: i32 = 16;

// ---- ENTRY_BLIND_SPOT: a row of `blind_spots` ------------------------------------------------------------------------------

export const BLIND_SPOT_TIMES: i32 = 8;
export const BLIND_SPOT_LAST_TS: i32 = 16;
export const BLIND_SPOT_PID: i32 = 24;
export const BLIND_SPOT_WHAT: i32 = 28;
/** Ranges. */
export const BLIND_SPOT_COMM: i32 = 32;
export const BLIND_SPOT_EVIDENCE: i32 = 40;
export const BLIND_SPOT_FIXED_BYTES: i32 = 48;

export const BLIND_IO_URING: i32 = 1;
export const BLIND_TLS: i32 = 2;
export const BLIND_HTTP2: i32 = 3;
export const BLIND_SPLICE: i32 = 4;
export const BLIND_32BIT: i32 = 5;
export const BLIND_AIO: i32 = 6;

/** What snapshot() writes, as a bit mask. */
export const SNAPSHOT_EXCHANGES: i32 = 1;
export const SNAPSHOT_CONNECTIONS: i32 = 2;
export const SNAPSHOT_EVENTS: i32 = 4;
export const SNAPSHOT_BLIND_SPOTS: i32 = 8;
/** Not for the decoder: messages are in the host's store. */
export const SNAPSHOT_MESSAGES: i32 = 16;
/** Not in the decoder either: the TLS libraries. */
export const SNAPSHOT_TLS_LIBRARIES: i32 = 32;

/** Keys of configure(). Values are numbers; memory/settings.ts has the defaults. */
export const SETTING_BODY_LIMIT: i32 = 1;
export const SETTING_START_LINE_LIMIT: i32 = 2;
export const SETTING_HEADER_BYTES_LIMIT: i32 = 3;
export const SETTING_HEADER_COUNT_LIMIT: i32 = 4;
export const SETTING_WAITING_LIMIT: i32 = 5;
export const SETTING_CONNECTIONS_LIMIT: i32 = 6;
export const SETTING_IDLE_LIMIT_MS: i32 = 7;
export const SETTING_MEMORY_LIMIT: i32 = 8;
export const SETTING_EVENTS_LIMIT: i32 = 9;

/** Bits of EXCHANGE_ANOMALIES. The word of the column `anomalies` is the name in lower case with `-` for `_`. */
export const ANOMALY_BARE_LF: i32 = 0;
export const ANOMALY_LEADING_CRLF: i32 = 1;
export const ANOMALY_MISSING_REASON: i32 = 2;
export const ANOMALY_OBS_FOLD: i32 = 3;
/** A CR that is not followed by LF. */
export const ANOMALY_BARE_CR: i32 = 4;
/** A request line without a version (HTTP/0.9), answered without a head. */
export const ANOMALY_HTTP09: i32 = 5;
/** A major version other than 1. */
export const ANOMALY_UNSUPPORTED_VERSION: i32 = 6;
/** A field line without a colon. */
export const ANOMALY_MISSING_COLON: i32 = 7;
export const ANOMALY_SPACE_BEFORE_COLON: i32 = 8;
export const ANOMALY_EMPTY_HEADER_NAME: i32 = 9;
/** A byte in a field name that is not a token character. */
export const ANOMALY_INVALID_HEADER_NAME: i32 = 10;
/** A control byte (NUL included) in a field value. */
export const ANOMALY_INVALID_HEADER_VALUE: i32 = 11;
/** White space other than single spaces in a start line. */
export const ANOMALY_WHITESPACE_IN_START_LINE: i32 = 12;
export const ANOMALY_SPACE_IN_TARGET: i32 = 13;
/** A target of none of the four forms, or with a control or non-ASCII byte. */
export const ANOMALY_INVALID_TARGET: i32 = 14;
export const ANOMALY_UNKNOWN_METHOD: i32 = 15;
export const ANOMALY_INVALID_METHOD: i32 = 16;
export const ANOMALY_INVALID_STATUS: i32 = 17;
export const ANOMALY_MISSING_HOST: i32 = 18;
export const ANOMALY_DUPLICATE_HOST: i32 = 19;
export const ANOMALY_INVALID_CONTENT_LENGTH: i32 = 20;
/** Several equal Content-Length values. */
export const ANOMALY_DUPLICATE_CONTENT_LENGTH: i32 = 21;
/** Content-Length values that differ. */
export const ANOMALY_CONFLICTING_CONTENT_LENGTH: i32 = 22;
/** Content-Length together with Transfer-Encoding. */
export const ANOMALY_CONTENT_LENGTH_AND_TRANSFER_ENCODING: i32 = 23;
/** A Transfer-Encoding whose last coding is not `chunked`, or that is not understood. */
export const ANOMALY_INVALID_TRANSFER_ENCODING: i32 = 24;
export const ANOMALY_TRANSFER_ENCODING_IN_HTTP10: i32 = 25;
/** A Content-Length or Transfer-Encoding where no body is allowed (1xx, 204). */
export const ANOMALY_UNEXPECTED_FRAMING: i32 = 26;
export const ANOMALY_INVALID_CHUNK_SIZE: i32 = 27;
/** Chunk data not followed by a line end. */
export const ANOMALY_INVALID_CHUNK_END: i32 = 28;
/** More than 16 KiB of chunk extensions. */
export const ANOMALY_LONG_CHUNK_EXTENSIONS: i32 = 29;
/** At least 100 KiB of chunk framing that make up more than 80 % of the body. */
export const ANOMALY_CHUNK_FLOOD: i32 = 30;
/** More than 16 KiB of trailers. */
export const ANOMALY_LONG_TRAILERS: i32 = 31;
/** The start line was longer than the limit and cut. */
export const ANOMALY_LONG_START_LINE: i32 = 32;
/** The header block was longer than the limit and cut. */
export const ANOMALY_LONG_HEADERS: i32 = 33;
export const ANOMALY_MANY_HEADERS: i32 = 34;
/** The final response began before the request had ended. */
export const ANOMALY_EARLY_RESPONSE: i32 = 35;
/** The request announced a body with `Expect: 100-continue` and never sent it. */
export const ANOMALY_BODY_NOT_SENT: i32 = 36;
/** The response carried a body of unknown framing inside sendfile or splice. */
export const ANOMALY_OPAQUE_RESPONSE: i32 = 37;
/** More interim responses than are listed. */
export const ANOMALY_MANY_INTERIM: i32 = 38;
/** Bytes before this message's head belong to no message. */
export const ANOMALY_LEADING_GARBAGE: i32 = 39;
/** White space before the first field line. */
export const ANOMALY_SPACE_BEFORE_HEADERS: i32 = 40;
/** The request was not seen, so the following bytes decided whether the response has a body. */
export const ANOMALY_GUESSED_FRAMING: i32 = 41;
/** The message came after one that announced the end of the connection. */
export const ANOMALY_AFTER_CLOSE: i32 = 42;
/** Malformed chunk extensions. */
export const ANOMALY_INVALID_CHUNK_EXTENSION: i32 = 43;
/** White space after a chunk size. */
export const ANOMALY_SPACE_AFTER_CHUNK_SIZE: i32 = 44;
/** The head ends before its empty line. */
export const ANOMALY_INCOMPLETE_HEAD: i32 = 45;
/** A Transfer-Encoding that is empty, or names a coding that is not registered (any more). */
export const ANOMALY_UNKNOWN_TRANSFER_CODING: i32 = 46;
/** A control byte in the reason phrase. */
export const ANOMALY_INVALID_REASON: i32 = 47;
/** The next message begins where the empty line after the trailers should be. */
export const ANOMALY_UNENDED_TRAILERS: i32 = 48;
/** HTTP/2: fields refer to earlier ones that were not captured, so they are not known. */
export const ANOMALY_HPACK_UNKNOWN: i32 = 49;
/** HTTP/2: the server sent the response without having been asked (PUSH_PROMISE). */
export const ANOMALY_PUSHED: i32 = 50;
/** HTTP/2: a header block that cannot be read. */
export const ANOMALY_INVALID_HEADER_BLOCK: i32 = 51;
/** HTTP/2: a pseudo-header that is missing, repeated, misplaced or not defined. */
export const ANOMALY_INVALID_PSEUDO_HEADER: i32 = 52;
/** HTTP/2: a frame that is shorter than its fixed part or its padding. */
export const ANOMALY_INVALID_FRAME: i32 = 53;
/** It is plaintext of a TLS session whose connection is not known. */
export const ANOMALY_TLS_UNMAPPED: i32 = 54;
