// Opens a file to replay, by what it begins with: a recording, packets captured by another program, or a HAR file.
import { closeSync, fstatSync, readSync } from 'node:fs';
import { UserError } from '../base/errors.ts';
import { fileError } from '../base/file-error.ts';
import { DEMO_NAME } from '../base/installation.ts';
import type { InvokingUser } from '../base/invoking-user.ts';
import { openUserFile } from '../base/user-files.ts';
import { HarReader } from './har/har-reader.ts';
import { isPacketFile } from './packets/packet-file.ts';
import { PacketReader } from './packets/packet-reader.ts';
import { RecordingReader } from './recording.ts';
import type { ReplayFile } from './replay-file.ts';

const MAGIC_BYTES = 16;

/** Throws a UserError if the file cannot be replayed, or the user may not read it. */
export function openReplay(path: string, user: InvokingUser): ReplayFile {
	if (path === DEMO_NAME) return new RecordingReader(path, user);
	let fd: number;
	try {
		fd = openUserFile(path, user);
	} catch (error) {
		throw fileError(path, error, 'Give a recording (`tinytap record FILE`), or a pcap, pcapng or HAR file.');
	}
	try {
		const stat = fstatSync(fd);
		if (stat.isFile()) {
			const start = Buffer.alloc(MAGIC_BYTES);
			const length = readSync(fd, start, 0, MAGIC_BYTES, 0);
			if (isPacketFile(start.subarray(0, length))) return new PacketReader(path, fd, stat.size);
			if (isJsonObject(start.subarray(0, length))) return new HarReader(path, fd, stat.size);
			if (isUtf16(start.subarray(0, length)))
				throw new UserError(
					`expected a recording, but ${path} is a text in UTF-16`,
					'ERR_NOT_A_RECORDING',
					'If it is a HAR file, convert it to UTF-8: iconv -f UTF-16 -t UTF-8 FILE > NEW',
				);
		}
	} catch (error) {
		closeSync(fd);
		throw error;
	}
	closeSync(fd);
	return new RecordingReader(path, user);
}

/** PowerShell writes such files. */
function isUtf16(start: Buffer): boolean {
	return start.length > 3 && (start.readUInt16BE() === 0xfffe || start.readUInt16BE() === 0xfeff);
}

/** A byte order mark and blanks may come first. */
function isJsonObject(start: Buffer): boolean {
	return /^(?:\xef\xbb\xbf)?\s*\{/.test(start.toString('latin1'));
}
