// Splits the addresses in columns `local` and `remote`: `ip:port`, `[v6]:port` or `unix:/path`.

/** The ip without brackets; null for unix sockets. */
export function addressIp(address: string): string | null {
	const colon = portColon(address);
	if (colon === -1) return null;
	return address.startsWith('[') ? address.slice(1, colon - 1) : address.slice(0, colon);
}

/** The port; null for unix sockets. */
export function addressPort(address: string): number | null {
	const colon = portColon(address);
	return colon === -1 ? null : Number(address.slice(colon + 1));
}

/** The address as the authority of an http URL; `localhost` for unix sockets, as curl does with --unix-socket. */
export function addressAuthority(address: string): string {
	// The % before a zone must be escaped in a URL (RFC 6874).
	return address.startsWith('unix:') ? 'localhost' : address.replace('%', '%25').replace(/:80$/, '');
}

/** The position of `:port`; -1 if the address has none. */
function portColon(address: string): number {
	if (address.startsWith('unix:')) return -1;
	const colon = address.lastIndexOf(':');
	return /^\d{1,5}$/.test(address.slice(colon + 1)) ? colon : -1;
}
