// The addon alone: does this kernel accept the BPF object, do its programs attach, and can an ordinary user's process
// write a map whose descriptor it was given?
import { spawnSync } from 'node:child_process';
import { type CaptureHandles, loadNativeAddon, type NativeCapture } from '../../src/capture/native-addon.ts';
import type { ProbeFinding } from './findings.ts';
import { USER_ID } from './programs.ts';

/** Loads, attaches and closes again. `writer`: the command that runs writeMap() in another process. Never throws. */
export function probe(addonPath: string, objectPath: string, writer: readonly string[]): ProbeFinding {
	const finding = { what: 'probe', loads: false, attaches: false, attached: [], missing: [] } as const;
	let capture: NativeCapture | undefined;
	try {
		capture = loadNativeAddon(addonPath).openCapture({ objectPath });
		const { attached, missing } = capture.attach();
		const userWrites = writeAsUser(capture.handOver(), writer);
		return { ...finding, loads: true, attaches: true, attached, missing, userWrites };
	} catch (error) {
		return { ...finding, loads: capture !== undefined, ...words(error) };
	} finally {
		capture?.close();
	}
}

function writeAsUser(handles: CaptureHandles, writer: readonly string[]): string {
	const { stdout, stderr } = spawnSync(process.execPath, [...writer, JSON.stringify(handles)], {
		uid: USER_ID,
		gid: USER_ID,
		encoding: 'utf8',
	});
	return stdout.trim() || `no answer: ${stderr}`;
}

/** Writes a map through the inherited descriptors and prints the result. */
export function writeMap(addonPath: string, handles: string): void {
	try {
		loadNativeAddon(addonPath)
			.adoptCapture(JSON.parse(handles) as CaptureHandles)
			.setSkip(1, 1, 1);
		console.log('written');
	} catch (error) {
		console.log(words(error).error);
	}
}

function words(error: unknown): { error: string; detail?: string } {
	if (!(error instanceof Error)) return { error: String(error) };
	const detail = 'detail' in error && typeof error.detail === 'string' ? error.detail : undefined;
	return { error: error.message, detail };
}
