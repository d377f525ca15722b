// Writes docs/event-schema.md from bpf/capture_event.h: names, numbers, offsets and their comments. This file adds what the
// header cannot say. --check: exit 1 if the page is stale.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
const path = join(root, 'docs/event-schema.md');
const header = readFileSync(join(root, 'bpf/capture_event.h'), 'utf8');

type Item = { readonly name: string; readonly value: string; readonly meaning: string };

const MEMBER_BYTES: Readonly<Record<string, number>> = { __u8: 1, __u16: 2, __u32: 4, __s32: 4, __u64: 8 };

/** What a call does, if its name does not say enough. */
const SYSCALL_TEXTS: Readonly<Record<string, string>> = {
	none: 'no call: a record of user space',
	readv: 'vectored read; its buffers together are one stretch of the stream',
	writev: 'vectored write; its buffers together are one stretch of the stream',
	sendfile: 'from file to socket inside the kernel: always FLAG_ZERO_COPY, `fd` is out_fd, no payload',
	splice: 'between pipe and socket inside the kernel: always FLAG_ZERO_COPY, no payload',
	ssl_read: 'OpenSSL: SSL_read(3), SSL_read_ex(3)',
	ssl_write: 'OpenSSL: SSL_write(3), SSL_write_ex(3)',
	ssl_sendfile: 'OpenSSL: SSL_sendfile(3)',
	gnutls_record_recv: 'GnuTLS: gnutls_record_recv(3)',
	gnutls_record_send: 'GnuTLS: gnutls_record_send(3)',
	pr_read: 'NSS: PR_Read, PR_Recv',
	pr_write: 'NSS: PR_Write, PR_Send',
	max: 'one more than the last; not an id',
};

const text = document();
if (process.argv.includes('--check')) {
	if (readFileSync(path, 'utf8') !== text) {
		console.error('docs/event-schema.md is stale: npm run generate');
		process.exitCode = 1;
	}
} else writeFileSync(path, text);

function document(): string {
	return `# Records

\`npm run generate\` writes this page from \`bpf/capture_event.h\`, the only place where the format is written by hand. The BPF programs fill these
records, the addon passes them on whole, a [recording](recording-format.md) keeps them, and the decoder reads them.

A record is one \`struct capture_event\` followed by \`captured_bytes\` bytes of payload. All integers are little-endian. In a batch (from the addon or in a
recording's frame) each record begins at a multiple of 8 bytes; the bytes between records are zero. \`size\` counts header and payload, not the padding.

Version of this format: **${defined('CAPTURE_EVENT_VERSION')}**.

## Version rule

If a member changes its meaning, place or size, or if a kind or flag is added, add 1 to \`CAPTURE_EVENT_VERSION\`, run \`npm run generate\` and add a line to the
changelog. Ids are never reused. A decoder that finds a record of a version that it does not know counts it (\`loss\`: \`decode_gap\`) and continues with
the next one. Until the first release, version ${defined('CAPTURE_EVENT_VERSION')} may still change without a new number. Records from version ${defined('CAPTURE_EVENT_VERSION_FIRST')} on are read.

## struct capture_event

| offset | member | type | meaning |
|---|---|---|---|
${members()}
The payload begins at offset ${memberList().end} and has at most ${defined('CAPTURE_EVENT_PAYLOAD_MAX')} bytes.

## kind

${table('kind')}
## syscall

\`via\`, \`req_via\` and \`events.syscall\` show these names in lower case, without \`SYSCALL_\`; functions of TLS libraries have the names that the libraries give them.

| name | id | meaning |
|---|---|---|
${items('syscall')
	.map(({ name, value }) => {
		const word = name.replace(/^SYSCALL_/, '').toLowerCase();
		return `| ${name} | ${value} | ${SYSCALL_TEXTS[word] ?? `${word}(2)`} |\n`;
	})
	.join('')}
## direction

${table('direction')}
## role (low byte of conn_flags)

${table('role')}
## library (reserved of a record with FLAG_PLAINTEXT)

${table('tls_library')}
## flags

\`events.flags\` shows these names in lower case, without \`FLAG_\`: a sendfile has \`zero_copy\`.

${table('flag')}
## Reasons of CAPTURE_BLIND_SPOT

${table('blind_spot')}
## Reasons of loss

The counters and \`CAPTURE_LOSS\` use this order.

${table('loss')}
## Several records for one call

A call that moved more bytes than a record holds gives several records, each with \`FLAG_PART\`, the same \`call_bytes\` and its own \`call_offset\`. The last one also stands for bytes that
were not copied: its \`bytes\` then exceed its \`captured_bytes\`, and a \`FLAG_CUT_…\` gives the reason. So the sum of \`bytes\` over a call's records is
the call's return value, and the \`stream_offset\` of the next record in the same direction is greater by that sum. If it is not, there is a hole: records that
did not fit into the ring (\`ring_full\`).

## Payloads

| kind | payload |
|---|---|
| CAPTURE_DATA | the bytes; none with FLAG_ZERO_COPY or FLAG_DISCARDED |
| CAPTURE_OPEN | empty, or two addresses of ${defined('CAPTURE_ADDRESS_BYTES')} bytes: the peer's, the local one (other forms: see [kind](#kind)) |
| CAPTURE_CLOSE | empty, or ${defined('CAPTURE_CLOSE_BYTES')} bytes: the two addresses, then the u64 stream offsets reached in directions in and out; or ${defined('CAPTURE_CLOSE_MEASURED_BYTES')} bytes: the same, then two u32, round-trip time and retransmits |
| CAPTURE_FACT_SOCKET | text, three lines ended by LF: \`socket\`, \`file\` or \`unknown\`; local address; remote address. Addresses are \`ip:port\`, \`[v6]:port\`, \`unix:/path\` or empty |
| CAPTURE_FACT_PROCESS | text, separated by NUL: the process's name, its cgroup's path, its command line with arguments separated by 0x1F, the path of its executable |
| others | none |

An address has the size of a \`struct sockaddr_in6\`: u16 family and u16 port (big-endian), followed for AF_INET (2) by 4 bytes of address and zeros, and for AF_INET6 (10) by u32 flow
information, 16 bytes of address and u32 scope. Family 0 means "not known"; for AF_UNIX (1) the path is in CAPTURE_FACT_SOCKET.
`;
}

function members(): string {
	return memberList()
		.rows.map(({ offset, name, type, meaning }) => `| ${offset} | ${name} | ${type} | ${meaning} |\n`)
		.join('');
}

function memberList(): { rows: { offset: number; name: string; type: string; meaning: string }[]; end: number } {
	const body = /struct capture_event \{([\s\S]*?)\n\};/.exec(header)?.[1] ?? '';
	let offset = 0;
	const rows = [...body.matchAll(/\/\*([\s\S]*?)\*\/\s*(__\w+) (\w+)(?:\[(\w+)\])?;/g)].map((match) => {
		const [, comment, type, name, count] = match as unknown as [string, string, string, string, string | undefined];
		const length = count === undefined ? 1 : Number(/^\d+$/.test(count) ? count : defined(count));
		const row = {
			offset,
			name,
			type: `${type.slice(2)}${count === undefined ? '' : `[${length}]`}`,
			meaning: sentence(comment),
		};
		offset += (MEMBER_BYTES[type] ?? 0) * length;
		return row;
	});
	return { rows, end: offset };
}

function table(name: string): string {
	const rows = items(name).map((item) => `| ${item.name} | ${item.value} | ${item.meaning} |\n`);
	return `| name | value | meaning |\n|---|---|---|\n${rows.join('')}`;
}

/** The values of an enum, each with the comment before it. */
function items(name: string): Item[] {
	const body = new RegExp(`enum capture_${name} \\{([\\s\\S]*?)\\n\\};`).exec(header)?.[1] ?? '';
	return [...body.matchAll(/((?:\/\*[\s\S]*?\*\/\s*)*)(\w+) = (\w+),/g)].map((match) => {
		const [, comments, item, value] = match as unknown as [string, string, string, string];
		// A comment separated from the item by a blank line describes all items below it.
		const own = /\/\*((?:(?!\*\/)[\s\S])*)\*\/\s*$/.exec(comments)?.[1];
		return { name: item, value, meaning: own === undefined ? wordsOf(item) : sentence(own) };
	});
}

function wordsOf(name: string): string {
	return name
		.replace(/^(BLIND_SPOT|[A-Z]+)_/, '')
		.toLowerCase()
		.replaceAll('_', ' ');
}

function sentence(comment: string): string {
	return comment
		.replace(/\s*\n\s*\*\s?/g, ' ')
		.trim()
		.replaceAll('|', '\\|');
}

function defined(name: string): string {
	const value = new RegExp(`#define ${name} (\\d+)`).exec(header)?.[1];
	if (value === undefined) throw new Error(`${name} is not defined in bpf/capture_event.h`);
	return value;
}
