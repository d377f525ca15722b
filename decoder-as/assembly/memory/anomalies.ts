// Oddities of a message, and which of them make it malformed.
import {
	ANOMALY_BARE_CR,
	ANOMALY_CONFLICTING_CONTENT_LENGTH,
	ANOMALY_CONTENT_LENGTH_AND_TRANSFER_ENCODING,
	ANOMALY_EMPTY_HEADER_NAME,
	ANOMALY_INVALID_CHUNK_EXTENSION,
	ANOMALY_INVALID_CONTENT_LENGTH,
	ANOMALY_INVALID_HEADER_NAME,
	ANOMALY_INVALID_HEADER_VALUE,
	ANOMALY_INVALID_TARGET,
	ANOMALY_INVALID_TRANSFER_ENCODING,
	ANOMALY_MISSING_COLON,
	ANOMALY_SPACE_BEFORE_COLON,
	ANOMALY_SPACE_BEFORE_HEADERS,
	ANOMALY_SPACE_IN_TARGET,
	ANOMALY_UNSUPPORTED_VERSION,
} from '../wire/output-layout';
import { Message, NO_MESSAGE } from './state';

/** Oddities that strict parsers reject. They make a message malformed even if all of it is understood. */
const REFUSED: u64 =
	((<u64>1) << ANOMALY_BARE_CR) | ((<u64>1) << ANOMALY_MISSING_COLON) | ((<u64>1) << ANOMALY_EMPTY_HEADER_NAME) |
	((<u64>1) << ANOMALY_INVALID_HEADER_NAME) | ((<u64>1) << ANOMALY_INVALID_HEADER_VALUE) |
	((<u64>1) << ANOMALY_SPACE_BEFORE_HEADERS) | ((<u64>1) << ANOMALY_INVALID_CONTENT_LENGTH) |
	((<u64>1) << ANOMALY_CONFLICTING_CONTENT_LENGTH) | ((<u64>1) << ANOMALY_INVALID_TRANSFER_ENCODING) |
	((<u64>1) << ANOMALY_CONTENT_LENGTH_AND_TRANSFER_ENCODING) | ((<u64>1) << ANOMALY_INVALID_CHUNK_EXTENSION) |
	((<u64>1) << ANOMALY_SPACE_BEFORE_COLON) | ((<u64>1) << ANOMALY_SPACE_IN_TARGET) |
	((<u64>1) << ANOMALY_INVALID_TARGET) | ((<u64>1) << ANOMALY_UNSUPPORTED_VERSION);

/** Oddities whose meaning is clear anyway: they explain a missing answer, but the exchange can still be complete. */
const UNDERSTOOD: u64 =
	((<u64>1) << ANOMALY_CONTENT_LENGTH_AND_TRANSFER_ENCODING) | ((<u64>1) << ANOMALY_SPACE_BEFORE_COLON) |
	((<u64>1) << ANOMALY_SPACE_IN_TARGET) | ((<u64>1) << ANOMALY_INVALID_TARGET) | ((<u64>1) << ANOMALY_UNSUPPORTED_VERSION);

export function isMalformed(message: Message): bool {
	return message != NO_MESSAGE && (message.anomalies & REFUSED) != 0;
}

/** Whether the message has an oddity without a clear meaning. */
export function isUnclear(message: Message): bool {
	return (message.anomalies & (REFUSED & ~UNDERSTOOD)) != 0;
}

export function note(message: Message, anomaly: u32): void {
	message.anomalies |= (<u64>1) << anomaly;
}
