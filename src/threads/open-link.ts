// Opens the store that a place names: a ClickHouse, or a directory of files.
import type { OnSocket } from '../agent/proxy.ts';
import { FilesLink } from './files-link.ts';
import type { OpenedStore, StorePlace } from './messages.ts';
import { StoreLink } from './store-link.ts';

export type Link = StoreLink | FilesLink;

/** Looks at a store. Throws a UserError if it cannot be used. */
export async function openLink(place: StorePlace, onSocket: OnSocket, signal: AbortSignal): Promise<Link> {
	return 'directory' in place ? new FilesLink(place) : await StoreLink.open(place, onSocket, signal);
}

/** The same as an earlier thread has opened it. */
export function reopenLink(opened: OpenedStore, onSocket: OnSocket): Link {
	return 'layout' in opened ? StoreLink.reopen(opened, onSocket) : new FilesLink(opened.place);
}
