// Small faults to plant in our own sources: finds all of them, and takes a seeded sample.
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import {
	type BinaryExpression,
	type CallExpression,
	type ConditionalExpression,
	type IfStatement,
	type Node,
	type NumericLiteral,
	type PrefixUnaryExpression,
	type PropertyAccessExpression,
	type SourceFile,
	SyntaxKind,
} from 'typescript/unstable/ast';
import { API } from 'typescript/unstable/sync';

export type Mutant = {
	/** Path from the root of the checkout. */
	readonly file: string;
	/** Offsets of the replaced text. */
	readonly start: number;
	readonly end: number;
	readonly text: string;
	readonly replacement: string;
	/** Line number, from 1. */
	readonly line: number;
	/** Identifies the mutant, and does not change when other lines of the file change. */
	readonly key: string;
	/** The body of the function that contains it; undefined outside of functions. */
	readonly body: Body | undefined;
	/** The smallest expression or statement around it that can be chosen at run time (support/mutant-switches.ts). */
	readonly whole: { readonly start: number; readonly end: number; readonly isStatement: boolean };
};

/** `end` is the end of an arrow function's expression; for a block only the beginning is known. */
export type Body = { readonly start: number; readonly end: number | undefined };

const OPERATORS: Partial<Record<SyntaxKind, string>> = {
	[SyntaxKind.LessThanToken]: '<=',
	[SyntaxKind.LessThanEqualsToken]: '<',
	[SyntaxKind.GreaterThanToken]: '>=',
	[SyntaxKind.GreaterThanEqualsToken]: '>',
	[SyntaxKind.EqualsEqualsEqualsToken]: '!==',
	[SyntaxKind.ExclamationEqualsEqualsToken]: '===',
	[SyntaxKind.EqualsEqualsToken]: '!=',
	[SyntaxKind.ExclamationEqualsToken]: '==',
	[SyntaxKind.AmpersandAmpersandToken]: '||',
	[SyntaxKind.BarBarToken]: '&&',
	[SyntaxKind.PlusToken]: '-',
	[SyntaxKind.MinusToken]: '+',
	[SyntaxKind.AsteriskToken]: '/',
	[SyntaxKind.SlashToken]: '*',
	[SyntaxKind.AmpersandToken]: '|',
	[SyntaxKind.BarToken]: '&',
	[SyntaxKind.LessThanLessThanToken]: '>>',
	[SyntaxKind.GreaterThanGreaterThanToken]: '<<',
	[SyntaxKind.GreaterThanGreaterThanGreaterThanToken]: '<<',
	[SyntaxKind.PlusEqualsToken]: '-=',
	[SyntaxKind.MinusEqualsToken]: '+=',
};

const METHODS: ReadonlyMap<string, string> = new Map([
	['min', 'max'],
	['max', 'min'],
	['every', 'some'],
	['some', 'every'],
	['startsWith', 'endsWith'],
	['endsWith', 'startsWith'],
	['trimStart', 'trimEnd'],
	['trimEnd', 'trimStart'],
]);

/** Comparisons in which a constant text on one side is replaced by another text. */
const EQUALITIES = new Set<SyntaxKind>([SyntaxKind.EqualsEqualsEqualsToken, SyntaxKind.ExclamationEqualsEqualsToken]);

const COMPARISONS = new Set<SyntaxKind>([
	...EQUALITIES,
	...[SyntaxKind.EqualsEqualsToken, SyntaxKind.ExclamationEqualsToken, SyntaxKind.LessThanToken],
	...[SyntaxKind.LessThanEqualsToken, SyntaxKind.GreaterThanToken, SyntaxKind.GreaterThanEqualsToken],
]);

/** Calls that check or report. Only readers of messages would notice their removal. */
const REPORTS = /^(assert\w*|console\.\w+|trace|debug)$/;

/** All mutants of the TypeScript or AssemblyScript files below `folders` (paths from `root`), file by file. */
export function findMutants(root: string, folders: readonly string[]): Mutant[] {
	const directory = mkdtempSync(join(tmpdir(), 'tinytap-mutants-'));
	const config = join(directory, 'tsconfig.json');
	writeFileSync(
		config,
		JSON.stringify({
			compilerOptions: { noLib: true, types: [], allowImportingTsExtensions: true, noEmit: true },
			include: folders.map((folder) => join(root, folder, '**/*.ts')),
		}),
	);
	const api = new API({ cwd: root });
	try {
		const { program } = api.updateSnapshot({ openProject: config }).getProjects()[0]!;
		const names = program
			.getSourceFileNames()
			.map((name) => relative(root, name))
			.filter((name) => folders.some((folder) => name.startsWith(`${folder}/`)))
			.sort();
		return names.flatMap((name) => mutantsOf(name, program.getSourceFile(join(root, name))!));
	} finally {
		api.close();
		rmSync(directory, { recursive: true });
	}
}

function mutantsOf(file: string, source: SourceFile): Mutant[] {
	const { text } = source;
	const found: Mutant[] = [];
	let body: Body | undefined;
	const add = (start: number, end: number, replacement: string, whole: Mutant['whole']) => {
		const before = text.slice(0, start).split('\n');
		const from = text.lastIndexOf('\n', start - 1) + 1;
		const lines = text.slice(from, text.indexOf('\n', end));
		const nth = text.slice(0, from).split(lines).length;
		const key = [file, lines, nth, start - from, replacement].join('|');
		found.push({ file, start, end, text: text.slice(start, end), replacement, line: before.length, key, body, whole });
	};
	const replace: Replace = (node, replacement, whole = node) =>
		add(node.getStart(source), node.end, replacement, {
			start: whole.getStart(source),
			end: whole.end,
			isStatement: whole.kind === SyntaxKind.ExpressionStatement,
		});
	const visit = (node: Node): void => {
		if (isWithoutEffect(node)) return;
		const outer = body;
		const { body: own } = node as unknown as { body?: Node };
		if (own?.kind === SyntaxKind.Block) body = { start: own.getStart(source) + 1, end: undefined };
		else if (own !== undefined && node.kind === SyntaxKind.ArrowFunction)
			body = { start: own.getStart(source), end: own.end };
		mutate(node, replace, (other) => text.slice(other.getStart(source), other.end));
		node.forEachChild((child) => {
			visit(child);
			return undefined;
		});
		body = outer;
	};
	source.forEachChild((child) => {
		visit(child);
		return undefined;
	});
	return found;
}

/** Types and imports: no code. */
function isWithoutEffect({ kind }: Node): boolean {
	return (
		kind === SyntaxKind.ImportDeclaration ||
		kind === SyntaxKind.InterfaceDeclaration ||
		kind === SyntaxKind.TypeAliasDeclaration ||
		kind === SyntaxKind.LiteralType ||
		(kind >= SyntaxKind.FirstTypeNode && kind <= SyntaxKind.LastTypeNode)
	);
}

/** `whole`: what can be chosen at run time, if the node itself cannot. */
type Replace = (node: Node, replacement: string, whole?: Node) => void;

function mutate(node: Node, replace: Replace, textOf: (node: Node) => string): void {
	switch (node.kind) {
		case SyntaxKind.BinaryExpression: {
			const { left, operatorToken, right } = node as BinaryExpression;
			const other = OPERATORS[operatorToken.kind];
			if (other !== undefined) replace(operatorToken, other, node);
			if (!EQUALITIES.has(operatorToken.kind)) return;
			for (const side of [left, right]) if (side.kind === SyntaxKind.StringLiteral) replace(side, "'?'");
			return;
		}
		case SyntaxKind.PrefixUnaryExpression: {
			const { operator, operand } = node as PrefixUnaryExpression;
			if (operator === SyntaxKind.ExclamationToken) replace(node, `(${textOf(operand)})`);
			return;
		}
		case SyntaxKind.TrueKeyword:
			replace(node, 'false');
			return;
		case SyntaxKind.FalseKeyword:
			replace(node, 'true');
			return;
		case SyntaxKind.NumericLiteral: {
			const value = Number((node as NumericLiteral).text);
			if (Number.isSafeInteger(value)) replace(node, String(value + 1), isComparison(node.parent) ? node.parent : node);
			return;
		}
		case SyntaxKind.IfStatement:
			replace((node as IfStatement).expression, 'true');
			replace((node as IfStatement).expression, 'false');
			return;
		case SyntaxKind.ConditionalExpression: {
			const { whenTrue, whenFalse } = node as ConditionalExpression;
			replace(node, `(${textOf(whenTrue)})`);
			replace(node, `(${textOf(whenFalse)})`);
			return;
		}
		case SyntaxKind.ExpressionStatement: {
			const { expression } = node as unknown as { expression: Node };
			const isCall = expression.kind === SyntaxKind.CallExpression;
			if (isCall && REPORTS.test(textOf((expression as CallExpression).expression))) return;
			replace(node, ';');
			return;
		}
		case SyntaxKind.PropertyAccessExpression: {
			const { name } = node as PropertyAccessExpression;
			const other = METHODS.get(name.text);
			if (other !== undefined && node.parent.kind === SyntaxKind.CallExpression) replace(name, other, node.parent);
			return;
		}
		case SyntaxKind.ArrayLiteralExpression: {
			const { elements } = node as unknown as { elements: readonly Node[] };
			// Words of a list.
			if (elements.length > 1 && elements.every(({ kind }) => kind === SyntaxKind.StringLiteral))
				for (const element of elements) replace(element, "'?'");
			return;
		}
		default:
	}
}

function isComparison(node: Node): boolean {
	return node.kind === SyntaxKind.BinaryExpression && COMPARISONS.has((node as BinaryExpression).operatorToken.kind);
}

/**
 * `count` mutants, or all if there are fewer, in the order of the files; the same for the same seed. Each mutant has
 * its own place in the seed's order, so that changing some lines leaves the rest of the sample unchanged.
 */
export function sampleMutants(all: readonly Mutant[], count: number, seed: number): Mutant[] {
	const places = new Map(
		all.map((mutant) => [mutant, createHash('sha256').update(`${seed}|${mutant.key}`).digest('hex')]),
	);
	const chosen = all.toSorted((a, b) => (places.get(a)! < places.get(b)! ? -1 : 1)).slice(0, count);
	const taken = new Set(chosen);
	return all.filter((mutant) => taken.has(mutant));
}

/** Generated files repeat the content of others. */
export function isGenerated(root: string, file: string): boolean {
	return readFileSync(join(root, file), 'utf8').startsWith('// Generated');
}

/** A mutant that makes no observable difference. `line` is the text of the line on which it begins. */
export type Equivalent = {
	readonly file: string;
	readonly line: string;
	readonly text: string;
	readonly replacement: string;
	readonly reason: string;
};

export type Equivalents = { readonly all: readonly Equivalent[]; readonly has: (mutant: Mutant) => boolean };

export function readEquivalents(root: string): Equivalents {
	const all = JSON.parse(readFileSync(join(root, 'test/fixtures/equivalent-mutants.json'), 'utf8')) as Equivalent[];
	const sources = new Map<string, string[]>();
	const has = ({ file, line, text, replacement }: Mutant) => {
		if (!sources.has(file)) sources.set(file, readFileSync(join(root, file), 'utf8').split('\n'));
		const own = sources.get(file)![line - 1]!.trim();
		return all.some(
			(each) => each.file === file && each.line === own && each.text === text && each.replacement === replacement,
		);
	};
	return { all, has };
}
