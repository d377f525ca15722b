// The progress line of a running statement. It appears on a terminal after half a second and is removed before other
// output.
import type { OutputStream } from '../output/output-stream.ts';

const FIRST_MS = 500;
const EVERY_MS = 200;

export type Progress = {
	/** Removes the line until its next update. Call it before other output. */
	readonly hide: () => void;
	/** Shows the line again below other output, if an update is due. */
	readonly show: () => void;
	readonly end: () => void;
};

/** What the progress line shows, and when it may. */
export type Watched = {
	/** Rows read so far; 0 if unknown. */
	readonly rows: () => number;
	/** False if the line is in use, for example for typed text. */
	readonly isFree: () => boolean;
	/** False while the terminal accepts no output; lines would pile up. */
	readonly isIdle: () => boolean;
};

/** Draws the line on `stream` until the statement ends. */
export function startProgress(stream: OutputStream, { rows, isFree, isIdle }: Watched): Progress {
	const begin = performance.now();
	let isShown = false;
	const hide = () => {
		if (!isShown) return;
		isShown = false;
		stream.write('\r\x1b[K');
	};
	const draw = () => {
		if (!isFree()) return;
		isShown = true;
		stream.write(`\r\x1b[K${progressText(performance.now() - begin, rows()).slice(0, (stream.columns || 80) - 1)}`);
	};
	const update = () => {
		if (isIdle()) draw();
	};
	let isDue = false;
	let timer = setTimeout(() => {
		isDue = true;
		update();
		timer = setInterval(update, EVERY_MS);
		timer.unref();
	}, FIRST_MS);
	timer.unref();
	return {
		hide,
		show: () => {
			if (isDue) draw();
		},
		end: () => {
			clearTimeout(timer);
			hide();
		},
	};
}

/** `running for 3.2 s, 12,345,678 rows read; Ctrl-C ends it` */
export function progressText(milliseconds: number, rows: number): string {
	const read = rows === 0 ? '' : `, ${rows.toLocaleString('en-US')} rows read`;
	return `running for ${(milliseconds / 1000).toFixed(1)} s${read}; Ctrl-C ends it`;
}
