// A TLS library on this host (table `tls_libraries`), and why the plaintext of a process is not read.
import { existsSync } from 'node:fs';
import type { NativeCapture, TlsLibrary as NativeLibrary } from './native-addon.ts';

/** A file with TLS that processes have mapped. Texts have one character per byte. */
export type TlsLibrary = Omit<NativeLibrary, 'device' | 'inode' | 'firstSeenNs'> & {
	/** Microseconds since the epoch. */
	readonly firstSeenUs: number;
};

/** The libraries that are known now; none without `--tls`. */
export function tlsLibraries(capture: NativeCapture): TlsLibrary[] {
	const { bootNs, wallNs } = capture.clocks();
	return capture.tlsLibraries().map(({ device: _device, inode: _inode, firstSeenNs, ...library }) => ({
		...library,
		firstSeenUs: Number((firstSeenNs + wallNs - bootNs) / 1000n),
	}));
}

/** Why nothing inside TLS was seen of a process, in ASCII; undefined without `--tls`. */
export function tlsReason(capture: NativeCapture, pid: number): string | undefined {
	if (!capture.hasTls()) return undefined;
	const library = capture.tlsLibraryOf(pid);
	if (library === undefined) return existsSync(`/proc/${pid}`) ? 'no TLS library was found in the process' : undefined;
	if (library.attached) return 'no plaintext so far, or its library was attached too late';
	return library.reason === '' ? 'its library is not attached' : library.reason.replace(/[^\x20-\x7e]/g, '?');
}
