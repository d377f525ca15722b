// What all rows of one agent have in common.
import { jsonText } from './exchange-row.ts';

export type Origin = {
	readonly hostName: string;
	/** When the agent started, in milliseconds since 1970. */
	readonly run: number;
	readonly agentVersion: string;
	readonly labels: readonly (readonly [name: string, value: string])[];
};

/** As members of a JSON object. */
export function originMembers({ hostName, run, agentVersion, labels }: Origin): string {
	const list = (texts: readonly string[]) => `[${texts.map(jsonText).join(',')}]`;
	return [
		`"host_name":${jsonText(hostName)},"run":${run},"agent_version":${jsonText(agentVersion)}`,
		`"label_names":${list(labels.map(([name]) => name))},"label_values":${list(labels.map(([, value]) => value))}`,
	].join(',');
}
