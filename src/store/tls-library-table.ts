// Table `tls_libraries`: the files with a TLS library that processes have mapped, and whether their plaintext is read.
import type { TlsLibrary } from '../capture/tls-library.ts';
import { TLS_LIBRARIES } from '../decode/words.ts';
import type { Column, SqlValue, TableSnapshot } from './table.ts';
import { formatTimestamp } from './timestamp.ts';

type LibraryColumn = Column & { readonly value: (library: TlsLibrary) => SqlValue };

export const TLS_LIBRARY_COLUMNS: readonly LibraryColumn[] = [
	{
		name: 'path',
		type: 'text',
		description: 'the file, as a process that maps it names it',
		value: ({ path }) => ownText(path),
	},
	{
		name: 'library',
		type: 'text',
		description: 'openssl, gnutls, nss, boringssl, or what is not read: go, rustls, java …',
		// What cannot be read has its name as the reason.
		value: ({ library, reason }) => TLS_LIBRARIES[library] ?? (/^[a-z0-9]+$/.test(reason) ? reason : null),
	},
	{
		name: 'version',
		type: 'text',
		description: 'its version; NULL if not known',
		value: ({ version }) => ownText(version),
	},
	{
		name: 'place',
		type: 'text',
		description: 'where its plaintext is read; NULL if it is not',
		value: ({ place }) => ownText(place),
	},
	{
		name: 'slow',
		type: 'int',
		description: '1 if the processor has to single-step there, which costs many times as much; else 0',
		value: ({ slow }) => (slow ? 1 : 0),
	},
	{ name: 'processes', type: 'int', description: 'how many processes map it', value: ({ processes }) => processes },
	{
		name: 'attached',
		type: 'int',
		description: '1 if its plaintext is read now; else 0',
		value: ({ attached }) => (attached ? 1 : 0),
	},
	{
		name: 'reason',
		type: 'text',
		description: 'why its plaintext is not read; NULL if it is',
		value: ({ reason }) => ownText(reason),
	},
	{
		name: 'first_seen',
		type: 'datetime',
		description: 'when it was first found (UTC)',
		value: ({ firstSeenUs }) => formatTimestamp(firstSeenUs),
	},
];

/** Names of files have one character per byte. */
function ownText(bytes: string): string | null {
	return bytes === '' ? null : Buffer.from(bytes, 'latin1').toString();
}

/** `libraries` is empty without `--tls`. */
export function tlsLibraryTable(libraries: readonly TlsLibrary[]): TableSnapshot {
	return {
		name: 'tls_libraries',
		columns: TLS_LIBRARY_COLUMNS,
		rowCount: libraries.length,
		reader: (index) => ({ value: (row) => TLS_LIBRARY_COLUMNS[index]!.value(libraries[row]!) }),
	};
}
