// The names of this host's tables while a store is asked, whose tables have the usual names.
import type { DatabaseSnapshot } from '../store/table.ts';
import type { AttachedRead } from './attached-tables.ts';

/** The schema of this host's tables. */
export const LOCAL = 'local';

/** The name of a table of this host without that schema; empty for other tables. `hasStore`: a store is asked. */
export function localName(table: string, hasStore: boolean): string {
	if (!hasStore) return table;
	return table.startsWith(`${LOCAL}.`) ? table.slice(LOCAL.length + 1) : '';
}

/** All tables of a statement. */
export function withOthers({ tables }: DatabaseSnapshot, others: AttachedRead, hasStore: boolean): DatabaseSnapshot {
	const own = hasStore ? [...tables].map(([name, table]) => [`${LOCAL}.${name}`, table] as const) : [...tables];
	return { tables: new Map([...own, ...others.tables]) };
}

/** The tables of this host get the names that they have while a store is asked. `own`: under their own names. */
export function renamed({ tables }: DatabaseSnapshot, own: DatabaseSnapshot): DatabaseSnapshot {
	const named = [...tables].map(([name, table]) => [own.tables.has(name) ? `${LOCAL}.${name}` : name, table] as const);
	return { tables: new Map(named) };
}
