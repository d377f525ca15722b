// Requests as a shell script of curl commands.
import { curlLine } from './curl-line.ts';
import { type ExchangeWriter, type ExchangeWriterOptions, writtenExchange } from './exchange-writer.ts';

/** Writes one command per request, below comments with the exchange's id and what the command omits. */
export function createCurlWriter(options: ExchangeWriterOptions): ExchangeWriter {
	const { redactor, version } = options;
	const note = redactor === null ? '' : '# Secrets are replaced by REDACTED-LENGTH-HASH.\n';
	return {
		begin: () => `#!/bin/sh\n# Requests captured by tinytap ${version}.\n${note}`,
		exchange(exchange) {
			const { command, remarks } = curlLine(writtenExchange(exchange, options));
			if (command === null) return null;
			const lines = [`exchange ${Number(exchange.columns.id)}`, ...remarks].map((line) => `# ${line}\n`);
			return `\n${lines.join('')}${command}\n`;
		},
		end: () => '',
	};
}
