// For commands that know only the exchanges of this host.
import { UserError } from '../base/errors.ts';
import type { Threads } from '../threads/threads.ts';

/** Throws a UserError while a store is asked, in which several exchanges may have the same id. */
export function requireHere({ storeName }: Pick<Threads, 'storeName'>): void {
	if (storeName === undefined) return;
	throw new UserError(
		'only exchanges of this host can be shown, and a store is asked',
		'ERR_STORE_ONLY_HERE',
		'SELECT … \\gx shows rows of the store in full; .connect off returns to this host.',
	);
}
