// The options of telemetry as given. Apart from the rest, which is loaded only if one of them is.

export type TelemetryWanted = {
	/** --otlp; true without a URL. */
	readonly otlp?: string | true | undefined;
	/** --metrics */
	readonly metrics?: string | undefined;
	/** --metrics-listen */
	readonly metricsListen?: string | undefined;
	/** Only exchanges for which this SQL condition is true: --where of the command. */
	readonly where?: string | undefined;
	/** Name of this host: --host-name of the agent. */
	readonly hostName?: string | undefined;
};
