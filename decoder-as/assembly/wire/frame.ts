// A framer's answers about the bytes it was given. The protocol acts on them.

/** All bytes were read, and the current part continues. */
export const NEED_MORE: u32 = 0;
/** The head is complete. */
export const HEAD: u32 = 1;
/** A line was read that the framer cannot judge alone. */
export const LINE: u32 = 2;
/** The bytes belong to the body. */
export const BODY: u32 = 3;
/** The bytes are framing and are only counted. */
export const FRAMING: u32 = 4;
/** The bytes are not what was expected. */
export const INVALID: u32 = 5;
