// Texts of rows, redacted and written to memory once for each value that repeats. What redaction finds in a value depends
// on nothing else, so a text can be used again; only its secrets have to be looked for in the rest of its row. A text is
// known by a number, because objects would be garbage soon.
import { HARMLESS_COLUMNS, redactColumn } from '../output/redacted-exchange.ts';
import { isQuiet, type Redactor } from '../output/redaction.ts';
import type { BlockMemory } from './block-memory.ts';
import { type RowSecrets, SecretIndex, Secrets } from './secret-index.ts';

/** No text. */
export const NULL = 0;

export type RedactedText = { readonly text: string; readonly secrets: Secrets | undefined };

/** When more secrets are looked for, all are forgotten. */
const MOST_INDEXED = 2000;
/** The most values with secrets to remember; longer ones are not. */
const MOST_REMEMBERED = 1000;
const LONGEST_REMEMBERED = 4096;

export class TextPieces {
	readonly memory: BlockMemory;
	/** How many there are; their numbers are from 1 to below this. */
	count = 1;
	/** Where each text is in memory: the number of its bytes, and the bytes; and how many bytes both are. */
	at = new Int32Array(1024);
	size = new Int32Array(1024);
	index = new SecretIndex();
	/** Secrets of the index with numbers below this were looked for in the text. */
	#searched = new Int32Array(1024);
	/** The numbers of those that are in it. */
	readonly #hits = new Map<number, Set<number>>();
	/** What redaction has found in it. */
	readonly #secrets = new Map<number, readonly [Secrets]>();
	readonly #redactor: Redactor | undefined;
	/** A scope in which no secret was seen yet. */
	#scope: Redactor | undefined;
	/** Values with secrets, by name and value. */
	readonly #remembered = new Map<string, RedactedText>();

	/** Without a redactor, nothing is redacted. */
	constructor(memory: BlockMemory, redactor: Redactor | undefined) {
		this.memory = memory;
		this.#redactor = redactor;
		this.#scope = redactor?.scope();
	}

	/** Whether more secrets are looked for than there should be. */
	get isFull(): boolean {
		return this.index.count > MOST_INDEXED;
	}

	/** Forgets all texts and what is in memory. */
	forget(): void {
		this.memory.end = 0;
		this.count = 1;
		this.#hits.clear();
		this.#secrets.clear();
		if (this.index.count <= MOST_INDEXED) return;
		this.index = new SecretIndex();
		for (const { secrets } of this.#remembered.values()) if (secrets !== undefined) secrets.id = -1;
	}

	/** A text that was written to memory from `at` on. */
	written(at: number, secrets?: Secrets): number {
		if (this.count === this.at.length) this.#lengthen();
		const piece = this.count++;
		this.at[piece] = at;
		this.size[piece] = this.memory.end - at;
		this.#searched[piece] = 0;
		if (secrets !== undefined) this.#secrets.set(piece, [secrets]);
		return piece;
	}

	/** Writes a text that was redacted. */
	piece(text: string, secrets?: Secrets): number {
		const at = this.memory.end;
		this.memory.string(text);
		return this.written(at, secrets);
	}

	/** The value of the column `name`. */
	column(name: string, value: string | null): number {
		if (value === null) return NULL;
		const { text, secrets } = this.columnText(name, value);
		return this.piece(text, secrets);
	}

	columnText(name: string, value: string): RedactedText {
		if (HARMLESS_COLUMNS.has(name) || isQuiet(value)) return { text: value, secrets: undefined };
		return this.text((scope) => redactColumn(name, value, scope) as string, value);
	}

	/** The value of a field. */
	field(name: string, value: string): RedactedText {
		const key = `${name}:${value}`;
		const known = this.#remembered.get(key);
		if (known !== undefined) return known;
		const redacted = this.text((scope) => scope.header(name, value), value);
		if (redacted.secrets === undefined || value.length > LONGEST_REMEMBERED) return redacted;
		if (this.#remembered.size >= MOST_REMEMBERED) this.#remembered.clear();
		this.#remembered.set(key, redacted);
		return redacted;
	}

	/** A text as `redact` changes it. */
	text(redact: (scope: Redactor) => string, text: string): RedactedText {
		const scope = this.#scope;
		if (scope === undefined) return { text, secrets: undefined };
		const redacted = redact(scope);
		const searched = scope.searched();
		if (searched === undefined) return { text: redacted, secrets: undefined };
		this.#scope = this.#redactor!.scope();
		return { text: redacted, secrets: searched.length === 0 ? undefined : new Secrets(searched) };
	}

	/** Writes the text to memory again. */
	again(piece: number): void {
		this.memory.again(this.at[piece]!, this.size[piece]!);
	}

	/** What redaction has found in the text, as a list that is always the same. */
	secretsOf(piece: number): readonly [Secrets] | undefined {
		return this.#secrets.size === 0 ? undefined : this.#secrets.get(piece);
	}

	/** Whether one of these secrets, whose numbers are below `limit`, is in the text. */
	has(piece: number, secrets: RowSecrets, limit: number): boolean {
		if (this.#searched[piece]! < limit) {
			const at = this.at[piece]!;
			const found = this.index.find(this.memory.bytes, at, at + this.size[piece]!, this.#searched[piece]!);
			if (found !== undefined) this.#hits.set(piece, new Set([...(this.#hits.get(piece) ?? []), ...found]));
			this.#searched[piece] = this.index.count;
		}
		const hits = this.#hits.size === 0 ? undefined : this.#hits.get(piece);
		return hits !== undefined && secrets.areAmong(hits);
	}

	/** Secrets with numbers below this were looked for in the text, and none is in it; 0 if one is. */
	cleanBelow(piece: number): number {
		return this.#hits.has(piece) ? 0 : this.#searched[piece]!;
	}

	#lengthen(): void {
		const longer = (from: Int32Array) => {
			const to = new Int32Array(from.length * 2);
			to.set(from);
			return to;
		};
		this.at = longer(this.at);
		this.size = longer(this.size);
		this.#searched = longer(this.#searched);
	}
}
