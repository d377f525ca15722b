// Assertions are compiled into the debug build only (asconfig.json). Each stands in `if (CHECKED)`, so that the release build
// does not even look at what they look at.

export const CHECKED: bool = !ASC_NO_ASSERT;

/** What fills memory that holds nothing: whoever reads it, or writes there, is found out. */
export const POISON: u8 = 0xdd;
