// What the main thread needs of SQL: words and completion, without the engine and its grammar, which take a tenth of a second
// to load.
export { type Completion, completionsAt } from './completion.ts';
export type { FunctionDoc } from './function-table.ts';
export { FUNCTION_ALIASES, FUNCTION_DOCS } from './functions.ts';
export { KEYWORDS, type Keyword } from './keywords.ts';
export { unquote } from './lexer.ts';
export type { Schema } from './schema.ts';
