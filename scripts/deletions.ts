// The cost of losing records. Deletes records from scripted conversations: each single record, each two neighbours, each
// two, and a random tenth (the same each time). Counts the runs that changed a row neither touched by the loss nor right
// after it, and rows that mix two exchanges. Takes a minute. See docs/limitations.md.
import { makeConversation, SCRIPTS } from '../support/conversations.ts';
import { decodeRecords } from '../support/decoded-rows.ts';
import { damageReport } from '../support/loss.ts';
import { seededRandom } from '../support/random-conversation.ts';

type Count = { runs: number; 'lost more': number; 'mixed rows': number };

const counts = new Map<string, Count>();
const random = seededRandom(1);

for (const script of SCRIPTS) {
	const conversation = makeConversation(script);
	const whole = decodeRecords(conversation.tape.records);
	const style = script.name.split(',')[0]!;
	const remove = (what: string, ...removed: number[]): void => {
		const key = `${style}: ${what}`;
		const count = counts.get(key) ?? { runs: 0, 'lost more': 0, 'mixed rows': 0 };
		const report = damageReport(conversation, whole, new Set(removed));
		count.runs++;
		if (report.length > 0) count['lost more']++;
		count['mixed rows'] += report.filter((line) => line.includes('mixes')).length;
		counts.set(key, count);
	};
	const all = [...conversation.tape.records.keys()];
	for (const i of all) remove('each record', i);
	for (const i of all.slice(1)) remove('two neighbours', i - 1, i);
	for (const i of all) for (const j of all.slice(i + 2)) remove('any two', i, j);
	for (let run = 0; run < 400; run++) remove('a tenth', ...all.filter(() => random.chance(0.1)));
}
console.table(Object.fromEntries(counts));
