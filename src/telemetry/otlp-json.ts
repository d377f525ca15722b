// The parts that all OTLP requests in JSON share: attributes, resources, the scope. 64-bit integers are texts, and
// enumerations are numbers.

/** Of the semantic conventions that the attributes follow. */
export const SCHEMA_URL = 'https://opentelemetry.io/schemas/1.37.0';

export type Attribute = {
	readonly key: string;
	readonly value: { readonly stringValue: string } | { readonly intValue: string } | { readonly boolValue: boolean };
};

export type AttributeValue = string | number | null | undefined;

type Pairs = readonly (readonly [key: string, value: AttributeValue])[];

/** Attributes for the values that there are. */
export function attributes(pairs: Pairs): Attribute[] {
	return pairs.flatMap(([key, value]): Attribute[] => {
		if (value === null || value === undefined) return [];
		if (typeof value === 'number') return [{ key, value: { intValue: String(Math.trunc(value)) } }];
		return [{ key, value: { stringValue: value } }];
	});
}

/** The same as JSON, without making objects, which there would be many of. Longer texts are cut. */
export function attributesText(pairs: Pairs, maxLength: number): string {
	const parts: string[] = [];
	for (const [key, value] of pairs) {
		if (value === null || value === undefined) continue;
		const before = parts.length === 0 ? '{"key":"' : ',{"key":"';
		if (typeof value === 'number') parts.push(before, key, '","value":{"intValue":"', String(Math.trunc(value)), '"}}');
		else parts.push(before, key, '","value":{"stringValue":', JSON.stringify(cut(value, maxLength)), '}}');
	}
	// Joined, because a text made by many additions takes several times its size.
	return `[${parts.join('')}]`;
}

/** At most `length` UTF-16 units, without half a pair at the end. */
function cut(text: string, length: number): string {
	return text.length <= length ? text : text.slice(0, length).replace(/[\ud800-\udbff]$/, '');
}

export type Scope = { readonly name: string; readonly version: string };
export type Resource = { readonly attributes: readonly Attribute[] };
