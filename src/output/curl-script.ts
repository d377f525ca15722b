// Requests as a shell script of curl commands.
import { curlLine } from './curl-line.ts';
import type { ExchangeWriter, ExchangeWriterOptions } from './exchange-writer.ts';
import { redactExchange } from './redacted-exchange.ts';

/** Writes one command per request, below comments with the exchange's id and what the command omits. */
export function createCurlWriter({ redactor, version }: ExchangeWriterOptions): ExchangeWriter {
	const note = redactor === null ? '' : '# Secrets are replaced by REDACTED-LENGTH-HASH.\n';
	return {
		begin: () => `#!/bin/sh\n# Requests captured by tinytap ${version}.\n${note}`,
		exchange(exchange) {
			const { command, remarks } = curlLine(redactor === null ? exchange : redactExchange(exchange, redactor));
			if (command === null) return null;
			const lines = [`exchange ${Number(exchange.columns.id)}`, ...remarks].map((line) => `# ${line}\n`);
			return `\n${lines.join('')}${command}\n`;
		},
		end: () => '',
	};
}
