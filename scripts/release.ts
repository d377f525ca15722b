// npm run release: makes the packages in build/packages. Each kind is one command; without one, all are made.
import { packNpm, prepareNpm, restoreNpm } from './release/npm-package.ts';

const COMMANDS: Readonly<Record<string, () => unknown>> = {
	npm: () => console.log(packNpm()),
	'npm-prepare': prepareNpm,
	'npm-restore': restoreNpm,
};

const [name = 'all'] = process.argv.slice(2);
const command = COMMANDS[name];
if (command === undefined) {
	console.error(`release: expected one of ${Object.keys(COMMANDS).join(', ')}, got ${name}`);
	process.exitCode = 2;
} else command();
