// Request methods with a name of their own in spans and metrics. All others are one, so that nobody can create series
// without end by inventing methods.

export type KnownMethods = ReadonlySet<string>;

/** RFC 9110 and RFC 5789. */
export const KNOWN_METHODS: KnownMethods = new Set([
	...['CONNECT', 'DELETE', 'GET', 'HEAD', 'OPTIONS', 'PATCH', 'POST', 'PUT', 'TRACE'],
]);

export const OTHER_METHOD = '_OTHER';

export function knownMethod(method: string, known: KnownMethods): string {
	return known.has(method) ? method : OTHER_METHOD;
}
