// The addon alone: does this kernel accept the BPF object, and do its programs attach?
import { loadNativeAddon, type NativeCapture } from '../../src/capture/native-addon.ts';
import type { ProbeFinding } from './findings.ts';

/** Loads, attaches and closes again. Never throws. */
export function probe(addonPath: string, objectPath: string): ProbeFinding {
	const finding = { what: 'probe', loads: false, attaches: false, attached: [], missing: [] } as const;
	let capture: NativeCapture | undefined;
	try {
		capture = loadNativeAddon(addonPath).openCapture({ objectPath });
		const { attached, missing } = capture.attach();
		return { ...finding, loads: true, attaches: true, attached, missing };
	} catch (error) {
		return { ...finding, loads: capture !== undefined, ...words(error) };
	} finally {
		capture?.close();
	}
}

function words(error: unknown): { error: string; detail?: string } {
	if (!(error instanceof Error)) return { error: String(error) };
	const detail = 'detail' in error && typeof error.detail === 'string' ? error.detail : undefined;
	return { error: error.message, detail };
}
