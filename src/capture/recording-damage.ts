// The part of a recording that could not be read, and the message about it.

export type RecordingDamage = {
	/** Offset of the first damage in the file. */
	readonly offset: number;
	/** `truncated`: only the end is missing. */
	readonly what: 'truncated' | 'damaged';
	readonly detail: string;
	/** The number of bytes that were skipped, and of the places where they were. */
	readonly missingBytes: number;
	readonly places: number;
};

/** `is damaged at byte 100: …; 200 bytes of the file could not be read`. */
export function damageText({ what, offset, detail, missingBytes, places }: RecordingDamage): string {
	const where = places > 1 ? ` in ${places} places` : '';
	const missing = missingBytes === 0 ? '' : `; ${missingBytes} bytes of the file could not be read${where}`;
	return `is ${what} at byte ${offset}: ${detail}${missing}`;
}
