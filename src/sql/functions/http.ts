import type { ScalarFunction } from '../function-table.ts';
export const HTTP_FUNCTIONS: readonly ScalarFunction[] = [];
