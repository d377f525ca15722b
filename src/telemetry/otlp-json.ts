// The parts that all OTLP requests in JSON share: attributes, resources, the scope. 64-bit integers are texts, and
// enumerations are numbers.

/** Of the semantic conventions that the attributes follow. */
export const SCHEMA_URL = 'https://opentelemetry.io/schemas/1.37.0';

export type Attribute = {
	readonly key: string;
	readonly value: { readonly stringValue: string } | { readonly intValue: string } | { readonly boolValue: boolean };
};

export type AttributeValue = string | number | null | undefined;

/** Attributes for the values that there are. Longer texts are cut. */
export function attributes(
	pairs: readonly (readonly [key: string, value: AttributeValue])[],
	maxLength = Number.POSITIVE_INFINITY,
): Attribute[] {
	return pairs.flatMap(([key, value]): Attribute[] => {
		if (value === null || value === undefined) return [];
		if (typeof value === 'number') return [{ key, value: { intValue: String(Math.trunc(value)) } }];
		return [{ key, value: { stringValue: cut(value, maxLength) } }];
	});
}

/** At most `length` UTF-16 units, without half a pair at the end. */
function cut(text: string, length: number): string {
	return text.length <= length ? text : text.slice(0, length).replace(/[\ud800-\udbff]$/, '');
}

export type Scope = { readonly name: string; readonly version: string };
export type Resource = { readonly attributes: readonly Attribute[] };
