import type { ScalarFunction } from '../function-table.ts';
export const JSON_FUNCTIONS: readonly ScalarFunction[] = [];
