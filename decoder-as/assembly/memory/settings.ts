// The settings with their defaults. Values are numbers; a negative body limit means no limit.
import {
	SETTING_BODY_LIMIT,
	SETTING_CONNECTIONS_LIMIT,
	SETTING_EVENTS_LIMIT,
	SETTING_HEADER_BYTES_LIMIT,
	SETTING_HEADER_COUNT_LIMIT,
	SETTING_IDLE_LIMIT_MS,
	SETTING_MEMORY_LIMIT,
	SETTING_START_LINE_LIMIT,
	SETTING_WAITING_LIMIT,
} from '../wire/output-layout';

export let bodyLimit: u64 = 65536;
export let startLineLimit: u32 = 65536;
export let headerBytesLimit: u32 = 131072;
export let headerCountLimit: u32 = 1000;
export let waitingLimit: u32 = 100;
export let connectionsLimit: u32 = 65536;
export let idleLimitNs: u64 = 300_000_000_000;
export let memoryLimit: u32 = 64 << 20;
/** At this length the output is passed to the host. Short messages produce twenty times their own size and more. */
export let outputEnough: u32 = 2 << 20;
/**
 * If more is in use, memory is freed down to `relieveTo`. The limit includes static memory, which is outside all
 * blocks.
 */
export let relieveAbove: u32 = 0;
export let relieveTo: u32 = 0;
export let eventsLimit: u32 = 65536;

/** Greater values are clamped, unless a setting has its own limit. */
const GREATEST: u32 = 1 << 20;

/** Changes one setting. Values out of range are clamped, unknown keys ignored. */
export function set(key: i32, value: f64): void {
	if (key == SETTING_BODY_LIMIT) bodyLimit = value < 0 ? u64.MAX_VALUE : <u64>value;
	else if (key == SETTING_START_LINE_LIMIT) startLineLimit = clamp(value, 64, GREATEST);
	else if (key == SETTING_HEADER_BYTES_LIMIT) headerBytesLimit = clamp(value, 256, 16 << 20);
	else if (key == SETTING_HEADER_COUNT_LIMIT) headerCountLimit = clamp(value, 1, 100_000);
	else if (key == SETTING_WAITING_LIMIT) waitingLimit = clamp(value, 1, 100_000);
	else if (key == SETTING_CONNECTIONS_LIMIT) connectionsLimit = clamp(value, 1, GREATEST);
	else if (key == SETTING_IDLE_LIMIT_MS) idleLimitNs = (value < 1 ? <u64>1 : <u64>value) * 1_000_000;
	else if (key == SETTING_MEMORY_LIMIT) setMemoryLimit(clamp(value, 2 << 20, 0x7fff0000));
	else if (key == SETTING_EVENTS_LIMIT) eventsLimit = clamp(value, 0, GREATEST);
}

function setMemoryLimit(bytes: u32): void {
	const blocks = bytes - min<u32>(bytes >> 1, <u32>__heap_base);
	memoryLimit = bytes;
	outputEnough = min<u32>(bytes >> 5, 2 << 20);
	relieveAbove = blocks - (blocks >> 3);
	relieveTo = blocks - (blocks >> 2);
}

setMemoryLimit(64 << 20);

function clamp(value: f64, low: u32, high: u32): u32 {
	if (!(value >= <f64>low)) return low;
	return value > <f64>high ? high : <u32>value;
}
