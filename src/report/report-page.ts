// The page of a report: one HTML file that needs nothing else. Its script and its style are fixed and allowed by their
// hashes, so nothing else in the file can run. Captured text is only in JSON, where `<` is escaped.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fileError } from '../base/file-error.ts';
import { FILES, howToRepair } from '../base/installation.ts';
import { escapeInJson } from '../output/json-text.ts';
import { DETAILS_ID, type ReportSummary, ROWS_ID, SUMMARY_ID } from './report-data.ts';

/** The page's own code: what scripts/build-cli.mjs makes of page/. */
export type PageCode = { readonly script: string; readonly style: string };

/** Throws a UserError if the files are missing. */
export function pageCode(): PageCode {
	return { script: codeFile(FILES.reportScript), style: codeFile(FILES.reportStyle) };
}

function codeFile(path: string): string {
	try {
		return readFileSync(path, 'utf8');
	} catch (error) {
		throw fileError(path, error, howToRepair());
	}
}

/** A value as JSON that is safe inside a script element, without control and invisible characters. */
export function dataJson(value: unknown): string {
	const json = JSON.stringify(value, (_, member: unknown) => (typeof member === 'bigint' ? Number(member) : member));
	return escapeInJson(json).replaceAll('<', '\\u003c');
}

/** The page in pieces. `rows` and `details` are from dataJson(). */
export function* reportPage(
	code: PageCode,
	summary: ReportSummary,
	rows: string,
	details: Iterable<string>,
): Generator<string> {
	yield pageStart(code);
	yield dataElement(SUMMARY_ID, dataJson(summary));
	yield dataElement(ROWS_ID, rows);
	// It draws now, before the browser has read the details.
	yield `<script>${code.script}</script>\n`;
	let part = 0;
	for (const each of details) yield dataElement(DETAILS_ID + part++, each);
	yield '</body>\n</html>\n';
}

function dataElement(id: string, json: string): string {
	return `<script type="application/json" id="${id}">${json}</script>\n`;
}

/** What the page may do: run its own script, use its own style. Text never becomes markup, not even by mistake. */
export function securityPolicy({ script, style }: PageCode): string {
	return [
		"default-src 'none'",
		`script-src '${hash(script)}'`,
		`style-src '${hash(style)}'`,
		"base-uri 'none'",
		"form-action 'none'",
		"require-trusted-types-for 'script'",
		"trusted-types 'none'",
	].join('; ');
}

function hash(text: string): string {
	return `sha256-${createHash('sha256').update(text).digest('base64')}`;
}

function pageStart(code: PageCode): string {
	return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${securityPolicy(code)}">
<meta name="referrer" content="no-referrer">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>tinytap report</title>
<style>${code.style}</style>
</head>
<body>
<div id="report"><p class="wait">Reading the report …</p></div>
<noscript><p class="wait">This page draws its content with a script that is inside the file and allowed by its hash. It sends nothing. Allow scripts to see it.</p></noscript>
`;
}
