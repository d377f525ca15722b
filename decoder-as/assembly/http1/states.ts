// The states of a stream of HTTP/1.

/** Between messages. */
export const AT_START: u8 = 0;
export const IN_START_LINE: u8 = 1;
export const IN_FIELDS: u8 = 2;
/** In a body of known length. */
export const IN_LENGTH: u8 = 3;
export const IN_CHUNK_SIZE: u8 = 4;
export const IN_CHUNK_DATA: u8 = 5;
export const IN_CHUNK_END: u8 = 6;
export const IN_TRAILERS: u8 = 7;
/** In a body that ends with the connection. */
export const UNTIL_CLOSE: u8 = 8;
/** Searching for the next head. */
export const SEARCHING: u8 = 10;
/** In a response sent wholly by sendfile, including its head. */
export const UNREADABLE: u8 = 11;
/** In the preamble of the PROXY protocol, version 2. */
export const IN_PREAMBLE: u8 = 12;
