// Which spans are sent: the samplers that OTEL_TRACES_SAMPLER names.
import { usageError } from '../base/errors.ts';

/** `parent`: whether the parent is sampled; undefined if there is none. */
export type Sampler = (traceId: string, parent: boolean | undefined) => boolean;

export const SAMPLER_NAMES = [
	'always_on',
	'always_off',
	'traceidratio',
	'parentbased_always_on',
	'parentbased_always_off',
	'parentbased_traceidratio',
] as const;

/** Creates the sampler. `argument`: the ratio, by default 1. Throws a UserError if one of them is not valid. */
export function createSampler(name = 'parentbased_always_on', argument = '1'): Sampler {
	const root = name.replace(/^parentbased_/, '');
	if (!SAMPLER_NAMES.some((each) => each === name))
		throw usageError(`OTEL_TRACES_SAMPLER: expected one of ${SAMPLER_NAMES.join(', ')}, got ${JSON.stringify(name)}`);
	const ratio = root === 'always_on' ? 1 : root === 'always_off' ? 0 : ratioOf(argument);
	// The last 7 bytes of an id are random; 13 digits are exact in a number.
	const limit = ratio * 16 ** 13;
	const chosen = (traceId: string) => ratio >= 1 || Number.parseInt(traceId.slice(-13), 16) < limit;
	if (root === name) return chosen;
	return (traceId, parent) => parent ?? chosen(traceId);
}

function ratioOf(text: string): number {
	const ratio = /^(\d+(\.\d*)?|\.\d+)$/.test(text) ? Number(text) : Number.NaN;
	if (ratio >= 0 && ratio <= 1) return ratio;
	throw usageError(`OTEL_TRACES_SAMPLER_ARG: expected a number from 0 to 1, got ${JSON.stringify(text)}`);
}
