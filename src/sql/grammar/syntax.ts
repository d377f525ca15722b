// The syntax tree of the SQL that tinytap understands. `at` is an offset in the statement's text, for error marks.
import type { ArithmeticOperator } from '../values/arithmetic.ts';
import type { Value } from '../values/value.ts';

export type BinaryOperator = ArithmeticOperator | '||' | '->' | '->>' | '=' | '<>' | '<' | '<=' | '>' | '>=';

export type MatchOperator = 'LIKE' | 'GLOB' | 'REGEXP';

export type SyntaxExpression = { readonly at: number } & (
	| { readonly kind: 'literal'; readonly value: Value }
	| { readonly kind: 'parameter'; readonly name: string }
	| { readonly kind: 'name'; readonly table: string | undefined; readonly column: string; readonly quoted: boolean }
	| { readonly kind: 'unary'; readonly operator: '-' | '+' | '~'; readonly operand: SyntaxExpression }
	| { readonly kind: 'not'; readonly operand: SyntaxExpression }
	| { readonly kind: 'and' | 'or'; readonly operands: readonly SyntaxExpression[] }
	| {
			readonly kind: 'binary';
			readonly operator: BinaryOperator;
			readonly left: SyntaxExpression;
			readonly right: SyntaxExpression;
	  }
	/** IS [NOT] DISTINCT FROM and IS [NOT]; `not` is true for "differs". */
	| { readonly kind: 'is'; readonly not: boolean; readonly left: SyntaxExpression; readonly right: SyntaxExpression }
	| { readonly kind: 'is truth'; readonly not: boolean; readonly truth: boolean; readonly operand: SyntaxExpression }
	| {
			readonly kind: 'between';
			readonly not: boolean;
			readonly operand: SyntaxExpression;
			readonly low: SyntaxExpression;
			readonly high: SyntaxExpression;
	  }
	| {
			readonly kind: 'match';
			readonly operator: MatchOperator;
			readonly not: boolean;
			readonly operand: SyntaxExpression;
			readonly pattern: SyntaxExpression;
			readonly escape: SyntaxExpression | undefined;
	  }
	| {
			readonly kind: 'in list';
			readonly not: boolean;
			readonly operand: SyntaxExpression;
			readonly items: readonly SyntaxExpression[];
	  }
	| { readonly kind: 'in query'; readonly not: boolean; readonly operand: SyntaxExpression; readonly query: Query }
	| {
			readonly kind: 'case';
			readonly base: SyntaxExpression | undefined;
			readonly branches: readonly { readonly when: SyntaxExpression; readonly result: SyntaxExpression }[];
			readonly otherwise: SyntaxExpression | undefined;
	  }
	| { readonly kind: 'cast'; readonly operand: SyntaxExpression; readonly type: string }
	/** `operand[key][key]` */
	| { readonly kind: 'subscript'; readonly operand: SyntaxExpression; readonly keys: readonly SyntaxExpression[] }
	/** `interval '5 minutes'`, `interval 5 minute`: the unit is undefined if the amount contains it. */
	| {
			readonly kind: 'interval';
			readonly amount: SyntaxExpression;
			readonly unit: { readonly name: string; readonly at: number } | undefined;
	  }
	/** `operand AT TIME ZONE zone` */
	| { readonly kind: 'zone'; readonly operand: SyntaxExpression; readonly zone: SyntaxExpression }
	| { readonly kind: 'collate'; readonly operand: SyntaxExpression; readonly collation: string }
	| { readonly kind: 'query'; readonly query: Query }
	| { readonly kind: 'exists'; readonly query: Query }
	| SyntaxCall
);

export type SyntaxCall = {
	readonly kind: 'call';
	readonly at: number;
	/** As written. */
	readonly name: string;
	readonly distinct: boolean;
	/** `count(*)` */
	readonly star: boolean;
	readonly arguments: readonly SyntaxExpression[];
	/** ORDER BY inside the parentheses. */
	readonly order: readonly OrderItem[];
	/** WITHIN GROUP (ORDER BY …) */
	readonly within?: readonly OrderItem[];
	readonly filter: SyntaxExpression | undefined;
	readonly over: Window | string | undefined;
};

export type OrderItem = {
	readonly expression: SyntaxExpression;
	readonly descending: boolean;
	/** If undefined, NULLs are the smallest values. */
	readonly nullsFirst: boolean | undefined;
	/** ORDER BY ALL: sort by each column of the result. It is the only item of its list; `expression` is meaningless. */
	readonly all?: true;
};

export type FrameBound =
	| { readonly kind: 'unbounded preceding' | 'current row' | 'unbounded following' }
	| { readonly kind: 'preceding' | 'following'; readonly offset: SyntaxExpression };

export type Frame = {
	readonly unit: 'rows' | 'range' | 'groups';
	readonly start: FrameBound;
	readonly end: FrameBound;
};

export type Window = {
	/** The window of the WINDOW clause that this one extends. */
	readonly base: string | undefined;
	readonly partition: readonly SyntaxExpression[];
	readonly order: readonly OrderItem[];
	readonly frame: Frame | undefined;
};

export type SelectItem =
	| ({ readonly kind: 'all'; readonly table: string | undefined; readonly at: number } & StarChanges)
	| {
			readonly kind: 'expression';
			readonly expression: SyntaxExpression;
			readonly alias: string | undefined;
			/** The expression as written, which is the column's name if there is no alias. */
			readonly text: string;
	  };

/** `* EXCLUDE (…) REPLACE (…)` */
export type StarChanges = {
	readonly exclude: readonly { readonly table: string | undefined; readonly name: string; readonly at: number }[];
	readonly replace: readonly { readonly name: string; readonly at: number; readonly expression: SyntaxExpression }[];
};

export type JoinKind = 'inner' | 'left' | 'right' | 'full' | 'cross';

export type TableReference = {
	readonly at: number;
	readonly alias: string | undefined;
	readonly join: JoinKind;
	readonly natural: boolean;
	readonly on: SyntaxExpression | undefined;
	readonly using: readonly { readonly name: string; readonly at: number }[] | undefined;
} & TableOrigin;

export type TableOrigin =
	| { readonly kind: 'table'; readonly schema: string | undefined; readonly name: string }
	| { readonly kind: 'query'; readonly query: Query }
	| { readonly kind: 'function'; readonly name: string; readonly arguments: readonly SyntaxExpression[] };

export type Core =
	| {
			readonly kind: 'select';
			readonly at: number;
			readonly distinct: boolean;
			readonly items: readonly SelectItem[];
			readonly from: readonly TableReference[];
			readonly where: SyntaxExpression | undefined;
			readonly group: readonly SyntaxExpression[];
			/** GROUP BY ALL: by the columns of the result that have no aggregates. `group` is empty then. */
			readonly groupAll: boolean;
			readonly having: SyntaxExpression | undefined;
			readonly windows: ReadonlyMap<string, Window>;
	  }
	| { readonly kind: 'values'; readonly at: number; readonly rows: readonly (readonly SyntaxExpression[])[] }
	/** SUMMARIZE: a row about each column of the query. */
	| { readonly kind: 'summarize'; readonly at: number; readonly query: Query };

export type CompoundOperator = 'UNION' | 'UNION ALL' | 'INTERSECT' | 'EXCEPT';

export type CommonTable = {
	readonly name: string;
	readonly at: number;
	readonly columns: readonly string[] | undefined;
	readonly query: Query;
};

export type Query = {
	readonly at: number;
	readonly recursive: boolean;
	readonly with: readonly CommonTable[];
	readonly first: Core;
	readonly rest: readonly { readonly operator: CompoundOperator; readonly core: Core }[];
	readonly order: readonly OrderItem[];
	readonly limit: SyntaxExpression | undefined;
	readonly offset: SyntaxExpression | undefined;
};

/** A call without arguments, DISTINCT, ORDER BY, FILTER or OVER. */
export function plainCall(name: string, at: number): SyntaxCall {
	return {
		kind: 'call',
		at,
		name,
		distinct: false,
		star: false,
		arguments: [],
		order: [],
		filter: undefined,
		over: undefined,
	};
}
