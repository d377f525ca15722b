// A source without records, for a tinytap that only asks a store.
import type { BatchSource } from './batch-source.ts';

export function idleSource(): BatchSource {
	return {
		remarks: [],
		batchBytes: 8,
		nextBatch: () => -1,
		periodicRecords: () => [],
		lastRecords: () => [],
		answer: () => undefined,
		skip: () => undefined,
		setFilters: () => undefined,
		touchMemory: () => undefined,
		discardMemory: () => false,
		trimMemory: () => undefined,
		warnings: () => [],
		hurry: () => undefined,
		stop: () => undefined,
		close: () => undefined,
	};
}
