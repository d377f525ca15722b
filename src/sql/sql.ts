// The SQL engine as the rest of the program sees it.
export { type ClassifiedToken, type Completion, classify, completionsAt, type TokenClass } from './completion.ts';
export { type ConditionOptions, compileCondition, compileProjection, type Projection } from './condition.ts';
export { type ExecuteOptions, execute, executeSync } from './execute.ts';
export type { FunctionDoc } from './function-table.ts';
export { FUNCTION_ALIASES, FUNCTION_DOCS } from './functions.ts';
export { KEYWORDS, type Keyword } from './keywords.ts';
export {
	isComplete,
	type StatementText,
	splitStatements,
	type Token,
	type TokenKind,
	tokenize,
	unquote,
} from './lexer.ts';
export type { Result, ResultColumn } from './result.ts';
export type { Schema } from './schema.ts';
export { Session } from './session.ts';
export { errorMark, SqlError, type SqlErrorCode } from './sql-error.ts';
export { prepare, type Statement } from './statement.ts';
