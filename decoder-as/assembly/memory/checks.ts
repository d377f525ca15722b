// Assertions are compiled only into the debug build (asconfig.json). Each is inside `if (CHECKED)`, so that the release
// build does not even evaluate its condition.

export const CHECKED: bool = !ASC_NO_ASSERT;

/** Unused up to here (memoryBase in asconfig.json): address 0 stands for a missing object, which has no fields to write. */
const STATIC_BASE: usize = 1024;

/** Checks that no field of a missing object was written; debug build. */
export function checkMissing(): void {
	for (let at: usize = 0; at < STATIC_BASE; at += 8) {
		if (load<u64>(at) != 0) assert(false, 'a missing object has no fields');
	}
}

/** Fills unused memory, so that reading it or writing to it is noticed. */
export const POISON: u8 = 0xdd;
