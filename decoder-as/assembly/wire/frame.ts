// What a framer answers about the bytes it was shown; whoever speaks the protocol acts on it.

/** All was read, and what is being read goes on. */
export const NEED_MORE: u32 = 0;
/** The head is complete. */
export const HEAD: u32 = 1;
/** A line was read that the framer cannot judge alone. */
export const LINE: u32 = 2;
/** The bytes are the body's. */
export const BODY: u32 = 3;
/** The bytes are framing, and are counted. */
export const FRAMING: u32 = 4;
/** The bytes are not what should stand there. */
export const INVALID: u32 = 5;
