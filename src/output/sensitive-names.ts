// Names whose values are secret.

const TELLING_NAMES =
	/^(?:(?:proxy-|x-)?authorization|(?:set-)?cookie2?|jwt|session-?id|credentials?|client-assertion)$|(?:token|secret|passw(?:or)?d|passphrase|api-?key|access-?key|private-?key|secret-?key|account-?key|-signature|-credential)$/;
const SHORT_NAMES = /^(?:key|sig|signature|code|pass|pwd|pin|otp|sid|session|auth)$/;

/**
 * Whether the values under this name (of a field, a query or form key, a JSON member) are secret: what the common
 * protocols call their credentials, and every `…-token`, `…_secret`, `…Password`.
 */
export function isSensitiveName(name: string): boolean {
	return isTellingName(name) || SHORT_NAMES.test(normalName(name));
}

/** Names that mark secrets even in the middle of a text, unlike `code` or `key`, which are ordinary words there. */
export function isTellingName(name: string): boolean {
	return TELLING_NAMES.test(normalName(name));
}

/** `accessToken`, `access_token` and `access.token` are `access-token`. */
function normalName(name: string): string {
	return name
		.slice(-64)
		.replace(/([a-z0-9])([A-Z])/g, '$1-$2')
		.replace(/[_.\s[\]]+/g, '-')
		.replace(/^-+|-+$/g, '')
		.toLowerCase();
}
