// Names whose values are secret.

const TELLING_NAMES =
	/^(?:(?:proxy-|x-)?authorization|(?:set-)?cookie2?|jwt|session-?id|credentials?|client-assertion)$|(?:token|secret|passw(?:or)?d|passphrase|api-?key|access-?key|private-?key|secret-?key|account-?key|-signature|-credential)$/;
const SHORT_NAMES = /^(?:key|sig|signature|code|pass|pwd|pin|otp|sid|session|auth)$/;

/**
 * Whether the values under this name (of a field, a query or form key, a JSON member) are secret: the names of
 * credentials in common protocols, and every `…-token`, `…_secret`, `…Password`.
 */
export function isSensitiveName(name: string): boolean {
	return kindOf(name) !== 'ordinary';
}

/** Names that mark secrets even in the middle of a text, unlike `code` or `key`, which are ordinary words there. */
export function isTellingName(name: string): boolean {
	return kindOf(name) === 'telling';
}

type Kind = 'telling' | 'short' | 'ordinary';

/** A cache, because the same few names come with every message. */
const known = new Map<string, Kind>();
const MOST_KNOWN = 1000;

function kindOf(name: string): Kind {
	const before = known.get(name);
	if (before !== undefined) return before;
	const normal = normalName(name);
	const kind = TELLING_NAMES.test(normal) ? 'telling' : SHORT_NAMES.test(normal) ? 'short' : 'ordinary';
	if (known.size >= MOST_KNOWN) known.clear();
	if (name.length <= LONGEST_NAME) known.set(name, kind);
	return kind;
}

/** For longer names, only the end is checked. */
const LONGEST_NAME = 64;

/** `accessToken`, `access_token` and `access.token` are `access-token`. */
function normalName(name: string): string {
	return name
		.slice(-LONGEST_NAME)
		.replace(/([a-z0-9])([A-Z])/g, '$1-$2')
		.replace(/[_.\s[\]]+/g, '-')
		.replace(/^-+|-+$/g, '')
		.toLowerCase();
}
