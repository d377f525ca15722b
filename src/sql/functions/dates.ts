import type { ScalarFunction } from '../function-table.ts';
export const DATE_FUNCTIONS: readonly ScalarFunction[] = [];
