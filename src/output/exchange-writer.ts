// Writers of formats that print whole exchanges instead of the rows of a result.
import type { ExchangeDetail } from './exchange-parts.ts';
import { withoutBodies } from './left-out-bodies.ts';
import { redactExchange } from './redacted-exchange.ts';
import type { Redactor } from './redaction.ts';

/**
 * Returns the text of each step, or bytes in a binary format: begin once, exchange any number of times, end once. Null
 * means that the format cannot represent this exchange.
 */
export type ExchangeWriter<Output extends string | Uint8Array = string> = {
	begin(): Output;
	exchange(exchange: ExchangeDetail): Output | null;
	end(): Output;
};

export type ExchangeWriterOptions = {
	/** Null with `--no-redact`. */
	readonly redactor: Redactor | null;
	/** tinytap's version. */
	readonly version: string;
	/** Whether the bodies of the exchange with this id are left out. Default: they stay. */
	readonly leavesOutBodies?: ((id: number) => boolean) | undefined;
};

/** The exchange as it is written: without secrets, and without bodies that nobody wants. */
export function writtenExchange(
	exchange: ExchangeDetail,
	{ redactor, leavesOutBodies }: ExchangeWriterOptions,
): ExchangeDetail {
	// Redacted first: secrets that are known from a body are replaced everywhere.
	const shared = redactor === null ? exchange : redactExchange(exchange, redactor);
	return leavesOutBodies?.(Number(exchange.columns.id)) === true ? withoutBodies(shared) : shared;
}
