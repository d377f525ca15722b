// The plans of statements, for sources that compute parts of them (PlanComputer). Other folders import only this file,
// `sql.ts` and `sql-light.ts`.
export type {
	AggregateCall,
	Bound,
	Comparison,
	OrderTerm,
	QueryPlan,
	SelectPlan,
	Source,
	SourceColumn,
} from './bind/bound.ts';
export { identities } from './bind/group-all.ts';
export type { ComputedPart, PlanComputer, Refusal } from './elsewhere/computed-part.ts';
export { likeItems, pushedConditions } from './elsewhere/pushed-conditions.ts';
export { constantMeasure, converted } from './evaluate/compile-comparison.ts';
export type { Compiler } from './evaluate/runtime.ts';
export { bucketOrigin, lengthOfUnit } from './functions/calendar.ts';
export type { AggregateFunction, ScalarFunction } from './functions/function-table.ts';
export { SCALAR_FUNCTIONS as FUNCTIONS_BY_NAME } from './functions/functions.ts';
export { DIFFERENCE, SHIFTS } from './functions/time-operators.ts';
export { planJoin } from './run/run-join.ts';
export { parseInstant } from './values/instant.ts';
export { Interval, intervalText, parseInterval } from './values/interval.ts';
export { Real, type Value } from './values/value.ts';
