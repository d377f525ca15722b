// The calls that carried an exchange, as lines of the detail view.
import type { Call, ExchangeCalls } from '../store/exchange-calls.ts';

/** If there are more calls, those in the middle are left out. */
const FIRST_CALLS = 12;
const LAST_CALLS = 4;

/** `+0.730 ms  out  writev  154 bytes`, one for each call; a sentence if calls are no longer held. */
export function callLines({ calls, areAll }: ExchangeCalls): string[] {
	if (calls.length === 0) return ['no longer held'];
	const hidden = calls.length - FIRST_CALLS - LAST_CALLS;
	const shown = hidden > 1 ? [...calls.slice(0, FIRST_CALLS), ...calls.slice(-LAST_CALLS)] : calls;
	const times = shown.map(({ afterUs }) => `+${(afterUs / 1000).toFixed(3)} ms`);
	const width = Math.max(...times.map((time) => time.length));
	const nameWidth = Math.max(...shown.map(({ syscall }) => syscall.length));
	const lines = shown.map((call, index) => {
		const name = call.direction === null ? call.syscall : `${call.syscall.padEnd(nameWidth)}  ${bytesText(call)}`;
		return `${times[index]!.padStart(width)}  ${(call.direction ?? '').padEnd(3)}  ${name}`;
	});
	if (hidden > 1) {
		const left = calls.slice(FIRST_CALLS, -LAST_CALLS);
		const bytes = left.reduce((sum, call) => sum + Math.max(0, call.bytes), 0);
		lines.splice(FIRST_CALLS, 0, `… ${left.length} more calls, ${bytes} bytes`);
	}
	return areAll ? lines : ['… earlier calls are no longer held', ...lines];
}

function bytesText({ bytes, capturedBytes, flags }: Call): string {
	const facts = [
		...(capturedBytes === bytes || bytes <= 0 ? [] : [`${capturedBytes} captured`]),
		...(flags === null ? [] : [flags.replaceAll(',', ', ')]),
	];
	return `${bytes} ${bytes === 1 ? 'byte' : 'bytes'}${facts.length === 0 ? '' : ` (${facts.join(', ')})`}`;
}
