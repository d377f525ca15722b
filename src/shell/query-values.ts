// The values for the parameters of a saved query or script: given ones, those of the session, and the defaults in its
// header.
import { distance } from 'fastest-levenshtein';
import { UserError } from '../base/errors.ts';
import { tokenize } from '../sql/sql-light.ts';
import type { ParameterValue } from '../store/table.ts';
import { namedCommand } from './command-names.ts';
import { type GivenValue, isMismatch, plainText, typedValue, untypedValue } from './parameters.ts';
import { declarationText, type QueryHeader, type QueryParameter, readHeader } from './query-header.ts';
import { readQuery, type SavedQuery } from './saved-queries.ts';
import { type Step, scriptSteps } from './script.ts';

/** A saved query or script to run. */
export type NamedScript = {
	/** The name for errors. */
	readonly name: string;
	readonly header: QueryHeader;
	readonly steps: readonly Step[];
};

/** Makes a script of a text. Throws a UserError that names `path` if its header cannot be read. */
export function namedScript(name: string, path: string, text: string): NamedScript {
	return { name, header: readHeader(text, path), steps: scriptSteps(text) };
}

/** A saved query as a script, if its user may read it. */
export function loadQuery(query: SavedQuery): NamedScript {
	return namedScript(query.name, query.path, readQuery(query));
}

type Values = readonly (readonly [name: string, value: ParameterValue])[];

/** Commands that may read other files, or the parameters themselves. */
const READERS: ReadonlySet<string | undefined> = new Set(['run', 'read', 'param']);

/**
 * The parameters with which the script's statements run. `given` takes precedence over the values of the session, and
 * these over the defaults. Throws a UserError if a value is missing or has another type, or if the script has no such
 * parameter.
 */
export function scriptValues(script: NamedScript, given: readonly GivenValue[], session: Values): Values {
	const { header } = script;
	const values = new Map(session);
	const said = new Map(given);
	const declared = new Set(header.parameters.map(({ name }) => name));
	const others = [...said].filter(([name]) => !declared.has(name));
	const used = others.length === 0 ? declared : usedNames(script.steps);
	for (const [name, text] of others) {
		if (used !== undefined && !used.has(name)) throw unknownParameter(script, name, [...declared, ...used]);
		values.set(name, untypedValue(text));
	}
	for (const parameter of header.parameters) {
		const { name } = parameter;
		const text = said.get(name) ?? sessionText(values.get(name));
		if (text !== undefined) values.set(name, declaredValue(script, parameter, plainText(text)));
		else if (parameter.value !== undefined) values.set(name, parameter.value);
		else throw missingValue(script, parameter);
	}
	return [...values];
}

/** The names of the parameters in a statement, in order. */
export function parameterNames(sql: string): string[] {
	const tokens = [...tokenize(sql)].filter(({ kind }) => kind === 'parameter');
	return [...new Set(tokens.map(({ start, end }) => sql.slice(start + 1, end)))];
}

/** The parameters of all statements; undefined if the script may read others. */
function usedNames(steps: readonly Step[]): ReadonlySet<string> | undefined {
	const names = new Set<string>();
	for (const step of steps) {
		if (step.type === 'command' && READERS.has(namedCommand(step.text).name)) return undefined;
		for (const name of parameterNames(step.type === 'statement' ? step.sql : step.text)) names.add(name);
	}
	return names;
}

function sessionText(value: ParameterValue | undefined): string | undefined {
	if (value === undefined || value === null || value instanceof Uint8Array) return undefined;
	return typeof value === 'object' ? String(value.real) : String(value);
}

function declaredValue(script: NamedScript, { name, type }: QueryParameter, text: string): ParameterValue {
	const value = typedValue(type, text);
	if (!isMismatch(value)) return value;
	const found = `expected ${value.expected} for :${name}, got ${JSON.stringify(text)}`;
	throw parameterError(script, found, value.hint);
}

function missingValue(script: NamedScript, { name, type }: QueryParameter): UserError {
	return parameterError(script, `:${name} (${type}) has no value`, `Give one: ${name}=VALUE.`);
}

function unknownParameter(script: NamedScript, name: string, names: readonly string[]): UserError {
	const near = names.find((each) => distance(each, name) <= 2);
	return parameterError(
		script,
		`there is no parameter :${name}`,
		near === undefined ? undefined : `Did you mean ${near}?`,
	);
}

function parameterError(script: NamedScript, problem: string, advice: string | undefined): UserError {
	const hint = [...(advice === undefined ? [] : [advice]), parametersText(script)].join(' ');
	return new UserError(`${script.name}: ${problem}`, 'ERR_QUERY_PARAMETER', hint);
}

function parametersText({ name, header: { parameters } }: NamedScript): string {
	if (parameters.length === 0) return `${name} declares no parameters.`;
	return `Parameters: ${parameters.map(declarationText).join('; ')}.`;
}
