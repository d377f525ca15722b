// The query thread's side of a capture thread: requests snapshots of its tables and releases them.
import type { MessagePort } from 'node:worker_threads';
import { type CaptureSnapshot, SegmentCache } from '../store/database.ts';
import type { NameBook } from '../store/remote-names.ts';
import { SIGNAL_MESSAGE, type SnapshotReply, type SnapshotRequest } from './messages.ts';

type Committed = Extract<SnapshotReply, { readonly type: 'committed' }>;

export class SnapshotSource {
	readonly cache: SegmentCache;
	readonly #signals: Int32Array;
	#port: MessagePort | undefined;
	#nextRequest = 1;
	readonly #requests = new Map<number, (snapshot: CaptureSnapshot) => void>();

	/** `signals`: those of the capture thread. */
	constructor(signals: SharedArrayBuffer, names: NameBook) {
		this.#signals = new Int32Array(signals);
		this.cache = new SegmentCache(names);
	}

	/** `followed` receives the snapshots after `follow`. */
	connect(port: MessagePort, followed: (reply: Committed) => void): void {
		this.#port = port;
		port.on('message', (reply: SnapshotReply) => {
			if (reply.type === 'committed') {
				followed(reply);
				return;
			}
			this.#requests.get(reply.id)?.(reply.snapshot);
			this.#requests.delete(reply.id);
		});
	}

	/** `mask`: SNAPSHOT_*, what it should contain. */
	snapshot(mask: number): Promise<CaptureSnapshot> {
		return new Promise((resolve) => {
			const id = this.#nextRequest++;
			this.#requests.set(id, resolve);
			this.#ask({ type: 'snapshot', id, mask });
		});
	}

	/** Ends the use of a snapshot. */
	release({ store }: CaptureSnapshot): void {
		this.#ask({ type: 'release', id: store.id });
	}

	/** Asks for a snapshot whenever rows are committed, but not more often than every `everyMs`. `mask`: SNAPSHOT_*. */
	follow(everyMs: number, mask: number): void {
		this.#ask({ type: 'follow', on: true, everyMs, mask });
	}

	/** Asks for no more of them. */
	unfollow(): void {
		this.#ask({ type: 'follow', on: false, everyMs: 0, mask: 0 });
	}

	close(): void {
		this.#port?.close();
	}

	#ask(request: SnapshotRequest): void {
		this.#port?.postMessage(request);
		Atomics.store(this.#signals, SIGNAL_MESSAGE, 1);
	}
}
