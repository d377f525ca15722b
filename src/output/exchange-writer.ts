// Writers of formats that print whole exchanges instead of the rows of a result.
import type { ExchangeDetail } from './exchange-parts.ts';
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
};
