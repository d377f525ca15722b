// The part of SQL that the main thread needs (keywords, completion, errors), without the engine and its grammar, which
// take 0.1 s to load. Other folders import only this file and `sql.ts`.

export type { Schema } from './bind/schema.ts';
export { bracketsAt, type ClassifiedToken, classify, type TokenClass } from './editor/classify.ts';
export { type Completion, completionsAt } from './editor/completion.ts';
export { KEYWORDS, type Keyword } from './editor/keywords.ts';
export type { ValuesAt } from './editor/values.ts';
export type { FunctionDoc } from './functions/function-table.ts';
export { FUNCTION_ALIASES, FUNCTION_DOCS } from './functions/functions.ts';
export { CANCEL_ASKED, CANCEL_TIME, cancelledError, timeLimitError } from './limits/guard.ts';
export { errorLine } from './limits/sql-error.ts';
export { type AttachStatement, attachNameError, readAttachStatement } from './text/attach-statement.ts';
export { isComplete, splitStatements, type Token, tokenize, tokensFrom, unquote } from './text/lexer.ts';
export { STATEMENT_WORDS } from './text/statement-words.ts';
export { parseInstant } from './values/instant.ts';
export { parseInterval, totalMicros } from './values/interval.ts';
export { type TimeZone, timeZone, timeZoneNames } from './values/time-zone.ts';
export { compareText, rowBytes } from './values/value.ts';
