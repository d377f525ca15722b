// The actions and options of `tinytap fleet`. Apart from the command, which loads HTTP and TLS.

/** The options, as commander returns them. */
export type FleetOptions = {
	readonly store?: string;
	readonly cluster?: string;
	readonly ttl?: string;
	readonly portable?: boolean;
	readonly credentials?: string;
	readonly ca?: string;
	readonly user?: string;
	readonly color?: boolean;
};

export const FLEET_ACTIONS = ['ddl', 'init', 'check'] as const;
