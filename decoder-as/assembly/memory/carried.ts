// Which syscalls carried a message, and how many bytes of its head and body each of them carried.
import * as call from '../wire/call';
import { SYSCALL_SENDFILE, SYSCALL_SPLICE, SYSCALL_SSL_SENDFILE } from '../wire/capture-event';
import { Message, VIAS } from './state';

/** The current call carried `head` bytes of the head and `body` bytes of the body; both 0: only framing. */
export function carry(message: Message, head: u64, body: u64): void {
	const list = changetype<usize>(message) + offsetof<Message>('vias');
	const count = message.viaCount;
	let i: u32 = 0;
	if (<u32>load<u8>(list) != call.syscall || count == 0) {
		while (i < count && <u32>load<u8>(list + i) != call.syscall) i++;
	}
	if (i == count) {
		if (count == VIAS) {
			i = VIAS - 1;
		} else {
			store<u8>(list + i, <u8>call.syscall);
			message.viaCount++;
		}
	}
	const counts = changetype<usize>(message) + (i << 3);
	const heads = counts + offsetof<Message>('viaHead');
	const bodies = counts + offsetof<Message>('viaBody');
	store<u64>(heads, load<u64>(heads) + head);
	store<u64>(bodies, load<u64>(bodies) + body);
	message.endTime = call.time;
}

/** Counts bytes of a head that turned out to be body. */
export function countHeadAsBody(message: Message): void {
	const heads = changetype<usize>(message) + offsetof<Message>('viaHead');
	const bodies = changetype<usize>(message) + offsetof<Message>('viaBody');
	for (let i: u32 = 0; i < message.viaCount << 3; i += 8) {
		store<u64>(bodies + i, load<u64>(bodies + i) + load<u64>(heads + i));
		store<u64>(heads + i, 0);
	}
}

/** The syscall of column `via`, 0 for none: docs/tables.md defines it. */
export function viaOf(message: Message): u32 {
	const list = changetype<usize>(message) + offsetof<Message>('vias');
	const heads = changetype<usize>(message) + offsetof<Message>('viaHead');
	const bodies = changetype<usize>(message) + offsetof<Message>('viaBody');
	let most: u64 = 0;
	let best: u32 = 0;
	for (let i: u32 = 0; i < message.viaCount; i++) {
		const syscall = <u32>load<u8>(list + i);
		const bytes = load<u64>(bodies + (i << 3));
		if (bytes == 0) continue;
		if (syscall == SYSCALL_SENDFILE || syscall == SYSCALL_SPLICE || syscall == SYSCALL_SSL_SENDFILE) return syscall;
		if (bytes > most) {
			most = bytes;
			best = syscall;
		}
	}
	if (best != 0) return best;
	for (let i: u32 = 0; i < message.viaCount; i++) {
		const bytes = load<u64>(heads + (i << 3));
		if (bytes > most) {
			most = bytes;
			best = <u32>load<u8>(list + i);
		}
	}
	return best;
}
