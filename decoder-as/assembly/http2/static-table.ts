// The static table of HPACK (RFC 7541 appendix A), as bytes.

/** One line for each entry from 1 on: the name, a space, the value. */
const ENTRIES: string =
	':authority \n:method GET\n:method POST\n:path /\n:path /index.html\n:scheme http\n:scheme https\n:status 200\n:status 204\n' +
	':status 206\n:status 304\n:status 400\n:status 404\n:status 500\naccept-charset \naccept-encoding gzip, deflate\n' +
	'accept-language \naccept-ranges \naccept \naccess-control-allow-origin \nage \nallow \nauthorization \ncache-control \n' +
	'content-disposition \ncontent-encoding \ncontent-language \ncontent-length \ncontent-location \ncontent-range \n' +
	'content-type \ncookie \ndate \netag \nexpect \nexpires \nfrom \nhost \nif-match \nif-modified-since \nif-none-match \n' +
	'if-range \nif-unmodified-since \nlast-modified \nlink \nlocation \nmax-forwards \nproxy-authenticate \n' +
	'proxy-authorization \nrange \nreferer \nrefresh \nretry-after \nserver \nset-cookie \nstrict-transport-security \n' +
	'transfer-encoding \nuser-agent \nvary \nvia \nwww-authenticate \n';

export const STATIC_ENTRIES: u32 = 61;
/** Of these, the first entries with names that begin with a colon: of requests, then of responses. */
export const STATIC_REQUEST_LAST: u32 = 7;
export const STATIC_PSEUDO_LAST: u32 = 14;

// For each entry: u32 address and u32 length of the name, the same of the value.
const ENTRY_BYTES: u32 = 16;
const entries = memory.data(992, 16);
/** Some bytes more, because short texts are read 16 bytes at a time. */
const texts = memory.data(1280, 16);

/** Called before the first record. */
export function prepareStaticTable(): void {
	let put = texts;
	let at: i32 = 0;
	for (let index: u32 = 1; index <= STATIC_ENTRIES; index++) {
		const entry = entries + index * ENTRY_BYTES;
		for (let part: u32 = 0; part < 2; part++) {
			const end = part == 0 ? 32 : 10;
			store<u32>(entry + part * 8, <u32>put);
			for (; ENTRIES.charCodeAt(at) != end; at++) store<u8>(put++, <u8>ENTRIES.charCodeAt(at));
			at++;
			store<u32>(entry + part * 8, <u32>put - load<u32>(entry + part * 8), 4);
		}
	}
}

@inline
export function staticName(index: u32): usize {
	return load<u32>(entries + index * ENTRY_BYTES);
}
@inline
export function staticNameLength(index: u32): u32 {
	return load<u32>(entries + index * ENTRY_BYTES, 4);
}
@inline
export function staticValue(index: u32): usize {
	return load<u32>(entries + index * ENTRY_BYTES, 8);
}
@inline
export function staticValueLength(index: u32): u32 {
	return load<u32>(entries + index * ENTRY_BYTES, 12);
}
