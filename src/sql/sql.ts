// The SQL engine's interface. Other folders import only this file and `sql-light.ts`.
export type { Schema } from './bind/schema.ts';
export { type ClassifiedToken, classify, type TokenClass } from './editor/classify.ts';
export { type Completion, completionsAt } from './editor/completion.ts';
export { KEYWORDS, type Keyword } from './editor/keywords.ts';
export type { PlanComputer } from './elsewhere/computed-part.ts';
export type { FunctionDoc } from './functions/function-table.ts';
export { FUNCTION_ALIASES, FUNCTION_DOCS } from './functions/functions.ts';
export { errorLine, SqlError } from './limits/sql-error.ts';
export { type ConditionOptions, compileCondition, compileProjection, type Projection } from './statements/condition.ts';
export { type ExecuteOptions, execute, executeSync } from './statements/execute.ts';
export { divideStatement, type Fetched, type RemoteStatement } from './statements/remote.ts';
export type { Result, ResultColumn } from './statements/result.ts';
export { compileRowQuery, isRowQuery } from './statements/row-query.ts';
export { Session } from './statements/session.ts';
export { prepare, type Statement } from './statements/statement.ts';
export {
	isComplete,
	type StatementText,
	splitStatements,
	type Token,
	type TokenKind,
	tokenize,
	unquote,
} from './text/lexer.ts';
