// Kills agents at random instants, and compares what a store has afterwards with what the agents had said was safe.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';

const ROOT = join(import.meta.dirname, '..');

/** A row of `exchanges` or `gaps` in a store, as far as it is compared. */
export type KilledRun = { readonly run: number; readonly safe: number };

export type AgentProgram = {
	/** Runs an agent until it is killed, or until it has taken `most` rows. `killAfterMs`: since it has begun. */
	readonly run: (most: number, killAfterMs?: number) => Promise<KilledRun>;
	readonly remove: () => void;
};

/** Prepares support/agent-run.ts with a spool of its own of `limitBytes`. */
export async function agentProgram(url: string, limitBytes: number): Promise<AgentProgram> {
	const directory = mkdtempSync(join(tmpdir(), 'tinytap-agent-'));
	const outfile = join(directory, 'agent.mjs');
	await build({
		entryPoints: [join(ROOT, 'support/agent-run.ts')],
		outfile,
		bundle: true,
		platform: 'node',
		format: 'esm',
		target: 'node20.19',
		logLevel: 'warning',
		// In two parts, because the bundler of the tests replaces the whole word.
		define: { [`import.meta.${'dirname'}`]: JSON.stringify(join(ROOT, 'src/base')) },
		banner: { js: "import { createRequire } from 'node:module'; const require = createRequire('/');" },
	});
	const run: AgentProgram['run'] = async (most, killAfterMs) => {
		const child = spawn(process.execPath, [outfile, url, join(directory, 'spool'), String(limitBytes), String(most)]);
		let printed = '';
		let errors = '';
		child.stderr.on('data', (chunk: Buffer) => {
			errors += chunk.toString('utf8');
		});
		child.stdout.on('data', (chunk: Buffer) => {
			if (printed === '' && killAfterMs !== undefined) setTimeout(() => child.kill('SIGKILL'), killAfterMs);
			printed += chunk.toString('utf8');
		});
		const code = await new Promise<number | null>((resolve) => child.on('close', resolve));
		if (code !== 0 && killAfterMs === undefined) throw new Error(`the agent ended with ${code}: ${errors}`);
		if (errors !== '') throw new Error(errors);
		const lines = printed.split('\n').slice(0, -1).map(Number);
		return { run: lines[0] ?? 0, safe: lines.length > 1 ? lines.at(-1)! : 0 };
	};
	return { run, remove: () => rmSync(directory, { recursive: true, force: true }) };
}

export type StoredSeq = { readonly run: number; readonly seq: number };
export type StoredGap = { readonly run: number; readonly rows: number | null; readonly reason: string };

/**
 * What is wrong with what a store has: rows that are stored twice, and runs of which safe rows are neither stored nor
 * counted, or are counted although they are stored. A killed agent may have more rows than it has said.
 */
export function mistakes(
	runs: readonly KilledRun[],
	rows: readonly StoredSeq[],
	gaps: readonly StoredGap[],
): { readonly problems: string[]; readonly stored: number; readonly counted: number } {
	const problems: string[] = [];
	let stored = 0;
	let counted = 0;
	for (const { run, safe } of runs) {
		const seqs = rows.filter((row) => row.run === run).map(({ seq }) => seq);
		const distinct = new Set(seqs);
		const lost = gaps.filter((gap) => gap.run === run).reduce((sum, gap) => sum + (gap.rows ?? 0), 0);
		const last = Math.max(safe, ...seqs);
		stored += distinct.size;
		counted += lost;
		if (distinct.size !== seqs.length)
			problems.push(`run ${run}: ${seqs.length - distinct.size} rows are stored twice`);
		// Rows beyond the safe ones that were lost may be counted, too, so that only a lower bound is known.
		if (distinct.size + lost < last || distinct.size + lost > last + UNSAID)
			problems.push(
				`run ${run}: ${safe} rows were safe, ${distinct.size} are stored (up to ${last}), ${lost} are counted`,
			);
	}
	return { problems, stored, counted };
}

/** An agent that is killed may have taken a few rows that it has not said. */
const UNSAID = 5;
