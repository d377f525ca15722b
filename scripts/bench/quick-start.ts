// The CPU time of a complete run of the program: one statement over the demo recording.
import { join } from 'node:path';
import type { Checkout } from './checkout.ts';
import type { Comparison, Sides } from './comparison.ts';
import { runTimed } from './processes.ts';

const RECORDING = 'recordings/demo.tinytap';
const STATEMENT = 'SELECT count(*) FROM exchanges';

export function compareStarts(checkouts: Sides<Checkout>): Comparison {
	return {
		round: async (mineFirst) => {
			const { mine, theirs } = checkouts;
			const times = new Map<Checkout, number>([
				[mine, 0],
				[theirs, 0],
			]);
			const [first, second] = mineFirst ? [mine, theirs] : [theirs, mine];
			for (const checkout of [first, second, second, first]) {
				const command = [join(checkout.folder, 'bin/tinytap'), 'query', STATEMENT, '--replay', RECORDING] as const;
				const { cpuUs } = await runTimed(command[0], command.slice(1), { cwd: checkout.folder });
				times.set(checkout, times.get(checkout)! + cpuUs);
			}
			return new Map([['query of a recording', times.get(theirs)! / times.get(mine)!]]);
		},
	};
}
