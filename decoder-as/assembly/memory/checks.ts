// Assertions are compiled only into the debug build (asconfig.json). Each is inside `if (CHECKED)`, so that the release
// build does not even evaluate its condition.

export const CHECKED: bool = !ASC_NO_ASSERT;

/** Fills unused memory, so that reading it or writing to it is noticed. */
export const POISON: u8 = 0xdd;
