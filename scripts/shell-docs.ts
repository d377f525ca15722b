// Writes the lists of commands and settings in docs/shell.md from the tables in src/shell; --check: exit 1 if it is stale.
import { readFileSync, writeFileSync } from 'node:fs';
import { COMMAND_FORMS } from '../src/shell/command-names.ts';
import type { Command } from '../src/shell/commands/command.ts';
import { COMMAND_GROUPS } from '../src/shell/commands/commands.ts';
import { SETTING_NAMES, SETTINGS, type SettingName, ShellSettings } from '../src/shell/shell-settings.ts';

const PAGE = new URL('../docs/shell.md', import.meta.url);
const BEGIN = '<!-- commands: written by npm run generate -->';
const END = '<!-- end of commands -->';

const page = readFileSync(PAGE, 'utf8');
const text = withCommands(page);
if (process.argv.includes('--check')) {
	if (text !== page) {
		console.error('docs/shell.md is stale: npm run generate');
		process.exitCode = 1;
	}
} else writeFileSync(PAGE, text);

function withCommands(page: string): string {
	const start = page.indexOf(BEGIN);
	const end = page.indexOf(END);
	if (start < 0 || end < start) throw new Error(`docs/shell.md has no ${BEGIN} … ${END}`);
	const sections = COMMAND_GROUPS.map(({ title, commands }) => {
		const lines = commands.map(commandLine);
		return `### ${title}\n\n| command | what it does | example | also |\n|---|---|---|---|\n${lines.join('\n')}\n`;
	});
	return `${page.slice(0, start + BEGIN.length)}\n\n${sections.join('\n')}\n${settingsSection()}\n${page.slice(end)}`;
}

function commandLine({ name, usage, description, example, promptOnly }: Command): string {
	const forms = (COMMAND_FORMS[name] ?? []).map(code).join(', ');
	const where = promptOnly === true ? ' (at the prompt only)' : '';
	return `| ${code(usage)} | ${cell(description)}${where} | ${code(example)} | ${forms} |`;
}

function settingsSection(): string {
	const settings = new ShellSettings();
	const line = (name: SettingName) => {
		const { description, expected } = SETTINGS[name];
		const value = settings.print(name);
		return `| ${code(name)} | ${cell(description)} | ${cell(expected)} | ${value === '' ? '' : code(value)} |`;
	};
	return `### The settings\n\n| setting | meaning | value | default |\n|---|---|---|---|\n${SETTING_NAMES.map(line).join('\n')}\n`;
}

function code(text: string): string {
	return `\`${cell(text)}\``;
}

function cell(text: string): string {
	return text.replaceAll('|', '\\|');
}
