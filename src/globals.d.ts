// Lets TypeScript import the constants that AssemblyScript compiles (decoder-as/assembly/wire/output-layout.ts).
declare type i32 = number;

// As much of the WebAssembly API as src/decode/decoder.ts uses; TypeScript only has it in the browser's library.
declare namespace WebAssembly {
	class Module {
		constructor(bytes: Uint8Array);
	}
	class Instance {
		constructor(module: Module, imports: object);
		readonly exports: Readonly<Record<string, unknown>>;
	}
	class Memory {
		private constructor();
		readonly buffer: ArrayBuffer;
	}
}

declare module 'proxy-from-env' {
	/** The proxy for requests to `url`; '' if there is none. */
	export function getProxyForUrl(url: string): string;
}
