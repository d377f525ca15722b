// .github/workflows: valid YAML whose steps are commands of this repository, so that each can be run in a checkout.
import assert from 'node:assert/strict';
import { accessSync, constants, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parse } from 'yaml';

const ROOT = join(import.meta.dirname, '../..');
const FOLDER = join(ROOT, '.github/workflows');
const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { scripts: Record<string, string> };

type Step = { uses?: string; run?: string };
type Job = {
	'runs-on': string;
	'timeout-minutes': number;
	strategy?: { matrix: Record<string, unknown> & { include?: Record<string, string>[] } };
	steps: Step[];
};

/** What a job runs, with the values of its matrix in place. */
function commandsOf({ steps, strategy }: Job): string[] {
	const rows = strategy?.matrix.include ?? [{}];
	return steps
		.flatMap(({ run }) => run ?? [])
		.flatMap((command) =>
			rows.map((row: Record<string, string>) =>
				command.replace(/\$\{\{ matrix\.(\w+) \}\}/g, (_, name: string) => row[name] ?? '?'),
			),
		);
}

for (const file of readdirSync(FOLDER))
	test(`each step of ${file} is a command that a checkout has`, () => {
		const { jobs } = parse(readFileSync(join(FOLDER, file), 'utf8')) as { jobs: Record<string, Job> };
		for (const [name, job] of Object.entries(jobs)) {
			assert.ok(job['timeout-minutes'] > 0, `${name} has no time limit`);
			for (const { uses, run } of job.steps)
				assert.ok(run !== undefined || /^actions\/[a-z-]+@v\d+$/.test(uses ?? ''), `${name}: ${uses}`);
			const commands = commandsOf(job).map((command) => command.replace(/^sudo env "PATH=\$PATH" /, ''));
			assert.ok(commands.length > 0, name);
			for (const command of commands) {
				const [program = '', verb = '', script = ''] = command.split(' ');
				if (program === 'npm') assert.ok(verb === 'run' && script in scripts, command);
				else if (program.startsWith('scripts/')) accessSync(join(ROOT, program), constants.X_OK);
				// The only thing that cannot be done in a checkout.
				else assert.match(command, /^gh release create /);
			}
		}
	});

test('the matrix of Node.js begins with the oldest one that package.json permits', () => {
	const ci = parse(readFileSync(join(FOLDER, 'ci.yml'), 'utf8')) as { jobs: { test: Job } };
	const { engines } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { engines: { node: string } };
	const [oldest] = ci.jobs.test.strategy!.matrix.node as number[];
	assert.match(engines.node, new RegExp(`^>=${oldest}\\.`));
});
