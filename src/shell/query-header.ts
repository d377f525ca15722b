// The comment at the beginning of a saved query or script: its title, description, parameters and charts. docs/queries.md
// describes the form.
import { UserError } from '../base/errors.ts';
import type { ParameterValue } from '../store/table.ts';
import {
	isMismatch,
	isParameterType,
	PARAMETER_TYPES,
	type ParameterType,
	plainText,
	typedValue,
} from './parameters.ts';

export type QueryParameter = {
	readonly name: string;
	readonly type: ParameterType;
	/** The default as written; undefined if a value must be given. */
	readonly written: string | undefined;
	/** The value of the default; undefined if a value must be given. */
	readonly value: ParameterValue | undefined;
	readonly description: string;
};

export type QueryHeader = {
	readonly title: string;
	/** Paragraphs, separated by line feeds. */
	readonly description: string;
	readonly parameters: readonly QueryParameter[];
	/** Charts to draw from the result, as written. */
	readonly charts: readonly string[];
};

export const NO_HEADER: QueryHeader = { title: '', description: '', parameters: [], charts: [] };

const DECLARATION = /^:([A-Za-z_]\w*)\s+([^\s=]+)(?:\s*=\s*(.*)|\s+(.*))?$/;
const DEFAULT = /^('(?:[^']|'')*'(?=\s|$)|[^\s']\S*)(?:\s+(.*))?$/;
const FORM = 'Write it as -- :NAME TYPE, or -- :NAME TYPE = DEFAULT, with a description at the end of the line.';

/** Reads the header of `text`. Throws a UserError that names `place` and the line if a parameter is not declared properly. */
export function readHeader(text: string, place: string): QueryHeader {
	const lines = text.replace(/^\ufeff/, '').split('\n');
	const paragraphs: string[] = [''];
	const parameters: QueryParameter[] = [];
	const charts: string[] = [];
	let title: string | undefined;
	for (const [index, whole] of lines.entries()) {
		const line = whole.trim();
		if (line !== '' && !line.startsWith('--')) break;
		const comment = line.slice(2).trim();
		const chart = /^chart:\s*(.*)$/i.exec(comment)?.[1];
		if (/^:[A-Za-z_]/.test(comment)) {
			const parameter = readParameter(comment, `${place}:${index + 1}`);
			if (parameters.some(({ name }) => name === parameter.name))
				throw headerError(
					`${place}:${index + 1}: :${parameter.name} is declared twice`,
					'Remove one of the two lines.',
				);
			parameters.push(parameter);
		} else if (chart !== undefined) charts.push(chart);
		else if (title === undefined && comment !== '') title = comment;
		else if (comment === '') paragraphs.push('');
		else paragraphs.push(`${paragraphs.pop()} ${comment}`.trim());
	}
	const description = paragraphs.filter((paragraph) => paragraph !== '').join('\n');
	return { title: title ?? '', description, parameters, charts };
}

function readParameter(declaration: string, place: string): QueryParameter {
	const [, name, type, value, description = ''] = DECLARATION.exec(declaration) ?? [];
	if (name === undefined || type === undefined)
		throw headerError(`${place}: expected the type of a parameter, got ${JSON.stringify(declaration)}`, FORM);
	if (!isParameterType(type)) {
		throw headerError(
			`${place}: expected one of ${PARAMETER_TYPES.join(', ')} as the type of :${name}, got ${JSON.stringify(type)}`,
			FORM,
		);
	}
	if (value === undefined) return { name, type, written: undefined, value: undefined, description };
	const [, written, after = ''] = DEFAULT.exec(value) ?? [];
	if (written === undefined)
		throw headerError(`${place}: expected the default of :${name} after "=", got ${JSON.stringify(value)}`, FORM);
	return { name, type, written, value: defaultOf(name, type, written, place), description: after };
}

/** NULL means no value. */
function defaultOf(name: string, type: ParameterType, written: string, place: string): ParameterValue {
	if (/^null$/i.test(written)) return null;
	const text = plainText(written);
	const value = typedValue(type, text);
	if (!isMismatch(value)) return value;
	throw headerError(
		`${place}: expected ${value.expected} as the default of :${name}, got ${JSON.stringify(text)}`,
		value.hint ?? FORM,
	);
}

function headerError(message: string, hint: string): UserError {
	return new UserError(message, 'ERR_QUERY_HEADER', hint);
}

/** `:top int = 20`. */
export function declarationText({ name, type, written }: QueryParameter): string {
	return `:${name} ${type}${written === undefined ? '' : ` = ${written}`}`;
}
