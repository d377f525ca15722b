// Opens a file to replay, by what it begins with: a recording, packets captured by another program, or a HAR file.
import { closeSync, fstatSync, readSync } from 'node:fs';
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
		}
	} catch (error) {
		closeSync(fd);
		throw error;
	}
	closeSync(fd);
	return new RecordingReader(path, user);
}

/** A byte order mark and blanks may come first. */
function isJsonObject(start: Buffer): boolean {
	return /^(?:\xef\xbb\xbf)?\s*\{/.test(start.toString('latin1'));
}
