// A TLS library on this host (table `tls_libraries`).
/** A file with a TLS library, as the privileged helper of `--tls` has found it. */
export type TlsLibrary = {
	/** As a process that maps it names it. */
	readonly path: string;
	/** A word of column `exchanges.tls`, or what else it is: java, rustls … */
	readonly library: string;
	/** '' if it is not known. */
	readonly version: string;
	/** Where the probes are, e.g. `ssl_read_internal+4`; '' if there are none. */
	readonly place: string;
	/** A probe there costs many times as much as usual. */
	readonly slow: boolean;
	/** How many processes map it. */
	readonly processes: number;
	readonly attached: boolean;
	/** Why it is not attached; '' if it is. */
	readonly reason: string;
	/** Microseconds since the epoch. */
	readonly firstSeenUs: number;
};
