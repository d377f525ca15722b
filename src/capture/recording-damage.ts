// What of a recording could not be read, and the sentence about it.

export type RecordingDamage = {
	/** The first place in the file. */
	readonly offset: number;
	/** Truncated: only the end is missing. */
	readonly what: 'truncated' | 'damaged';
	readonly detail: string;
	/** Bytes of the file that were left out, in how many places. */
	readonly missingBytes: number;
	readonly places: number;
};

/** `is damaged at byte 100: …; 200 bytes of the file could not be read`. */
export function damageText({ what, offset, detail, missingBytes, places }: RecordingDamage): string {
	const where = places > 1 ? ` in ${places} places` : '';
	const missing = missingBytes === 0 ? '' : `; ${missingBytes} bytes of the file could not be read${where}`;
	return `is ${what} at byte ${offset}: ${detail}${missing}`;
}
