// The namespaces that this process is in. The initial ones have the same inode numbers on every kernel.
import { readlinkSync } from 'node:fs';

const INITIAL_PID_NAMESPACE = 'pid:[4026531836]';
const INITIAL_USER_NAMESPACE = 'user:[4026531837]';

/** Of the pid namespace; undefined if /proc is not mounted. */
export function pidNamespace(): { readonly name: string; readonly isInitial: boolean } | undefined {
	const name = namespace('pid');
	return name === undefined ? undefined : { name, isInitial: name === INITIAL_PID_NAMESPACE };
}

/** Inside a user namespace, capabilities mean nothing to the kernel itself, including BPF. */
export function inUserNamespace(): boolean {
	const name = namespace('user');
	return name !== undefined && name !== INITIAL_USER_NAMESPACE;
}

function namespace(kind: string): string | undefined {
	try {
		return readlinkSync(`/proc/self/ns/${kind}`);
	} catch {
		// There is no /proc, or this is not Linux.
		return undefined;
	}
}
