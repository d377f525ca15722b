// Parts of lines, redacted and written as JSON once for each value that repeats. What redaction finds in a value
// depends on nothing else, so a part can be used again; only its secrets have to be looked for in the rest of the line.
import { HARMLESS_COLUMNS, redactColumn } from '../output/redacted-exchange.ts';
import { isQuiet, type Redactor } from '../output/redaction.ts';
import type { SqlValue } from '../store/table.ts';
import { jsonText, jsonValue } from './exchange-line.ts';

/** A text that repeats, as part of lines. */
export class Piece {
	readonly text: string;
	/** What redaction has found in it. */
	readonly secrets: Secrets | undefined;
	/** Where a LineBuffer has last written it: in its lines number `lines`, and how many bytes. */
	lines = 0;
	at = 0;
	length = 0;
	/** How often secrets were looked for in it. */
	searches = 0;

	constructor(text: string, secrets?: Secrets) {
		this.text = text;
		this.secrets = secrets;
	}
}

export const NULL = new Piece('null');

/** The most pieces of which is remembered that they have none of the secrets. */
const MOST_CLEAN = 256;
const FEW_SEARCHES = 8;

/** The texts that redaction looks for after it has found secrets. */
export class Secrets {
	readonly texts: readonly string[];
	readonly #shortest: number;
	/** Pieces without any of the texts. */
	#clean: Set<Piece> | undefined;
	#isKnown = false;

	constructor(texts: readonly string[]) {
		this.texts = texts;
		this.#shortest = texts.reduce((least, { length }) => Math.min(least, length), Number.POSITIVE_INFINITY);
	}

	/** Whether one of the texts is in a text. */
	areIn(text: string): boolean {
		if (text.length < this.#shortest) return false;
		for (const each of this.texts) if (text.includes(each)) return true;
		return false;
	}

	/** Whether one of them is in a line. */
	areInLine(line: Line): boolean {
		if (!this.#isKnown) {
			this.#isKnown = true;
			if (!this.areIn(line.text())) return false;
		}
		for (let i = 0; i < line.count; i++) if (this.#areInPiece(line.pieces[i]!)) return true;
		return this.areIn(line.target());
	}

	#areInPiece(piece: Piece): boolean {
		if (piece.text.length < this.#shortest || this.#clean?.has(piece) === true) return false;
		if (this.areIn(piece.text)) return true;
		// What is in few lines is not remembered.
		if (piece.searches++ < FEW_SEARCHES) return false;
		if (this.#clean === undefined || this.#clean.size >= MOST_CLEAN) this.#clean = new Set();
		this.#clean.add(piece);
		return false;
	}
}

/** The parts of a line in which secrets would be replaced. */
export type Line = {
	/** The first `count` of them. */
	readonly pieces: readonly Piece[];
	readonly count: number;
	/** Path, query and URL. */
	readonly target: () => string;
	/** All of it. */
	readonly text: () => string;
};

/** Texts that are the same in JSON. Most are, and testing them is faster than JSON.stringify(). */
const PLAIN = /^[ !#-[\]-~]*$/;

/** A JSON string without its quotes. */
export function jsonInside(text: string): string {
	return PLAIN.test(text) ? text : jsonText(text).slice(1, -1);
}

export type RedactedText = {
	/** As JSON, without quotes. */
	readonly json: string;
	readonly secrets: Secrets | undefined;
};

const MOST_SHARED = 4096;
/** Comparing more texts with each other would take too long. */
const MOST_COMPARED = 100;

/** The texts that have no other one as a part: where a longer one is, the shorter one is, too. */
function shortest(texts: readonly string[]): readonly string[] {
	if (texts.length > MOST_COMPARED) return texts;
	return texts.filter((one) => !texts.some((other) => other !== one && one.includes(other)));
}

export class PieceMaker {
	readonly #redactor: Redactor | undefined;
	/** A scope in which no secret was seen yet. */
	#scope: Redactor | undefined;
	/** By their texts. */
	readonly #shared = new Map<string, Piece>();

	/** Undefined: nothing is redacted. */
	constructor(redactor: Redactor | undefined) {
		this.#redactor = redactor;
		this.#scope = redactor?.scope();
	}

	/** The same as column() for values that are likely to come in other columns, too. */
	sharedColumn(name: string, value: SqlValue): Piece {
		const piece = this.column(name, value);
		if (piece.secrets !== undefined || piece === NULL) return piece;
		const known = this.#shared.get(piece.text);
		if (known !== undefined) return known;
		if (this.#shared.size >= MOST_SHARED) this.#shared.clear();
		this.#shared.set(piece.text, piece);
		return piece;
	}

	/** The value of the column `name`. */
	column(name: string, value: SqlValue): Piece {
		if (value === null) return NULL;
		if (typeof value !== 'string') return new Piece(jsonValue(value));
		if (HARMLESS_COLUMNS.has(name) || isQuiet(value)) return new Piece(`"${jsonInside(value)}"`);
		const { json, secrets } = this.text((scope) => redactColumn(name, value, scope) as string, value);
		return new Piece(`"${json}"`, secrets);
	}

	/** A text as `redact` changes it. */
	text(redact: (scope: Redactor) => string, text: string): RedactedText {
		const scope = this.#scope;
		if (scope === undefined) return { json: jsonInside(text), secrets: undefined };
		const json = jsonInside(redact(scope));
		const searched = scope.searched();
		if (searched === undefined) return { json, secrets: undefined };
		this.#scope = this.#redactor!.scope();
		// In a line, they can also be written with escapes.
		const texts = [...new Set(searched.flatMap((secret) => [secret, jsonInside(secret)]))];
		return { json, secrets: texts.length === 0 ? undefined : new Secrets(shortest(texts)) };
	}
}
