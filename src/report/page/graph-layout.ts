// Places the nodes of a graph in columns, so that edges run from left to right wherever they can.

export type GraphEdge = { readonly from: number; readonly to: number; readonly weight: number };
export type Place = { readonly column: number; readonly row: number };
export type Layout = { readonly places: readonly Place[]; readonly columns: number; readonly rows: number };

/** Nodes are numbered from 0. Edges that would close a circle do not count for the columns. */
export function layOutGraph(nodes: number, edges: readonly GraphEdge[]): Layout {
	const forward = withoutCircles(nodes, edges);
	const columns = longestPaths(nodes, forward);
	const members: number[][] = [];
	for (const [node, column] of columns.entries()) {
		members[column] ??= [];
		members[column].push(node);
	}
	const heights = Array.from({ length: nodes }, () => 0);
	const number = () => {
		for (const column of members) for (const [row, node] of column.entries()) heights[node] = row - column.length / 2;
	};
	number();
	// Each column in the order of its neighbours' heights, a few times in both directions.
	for (let round = 0; round < 6; round++) {
		const isDown = round % 2 === 0;
		for (const column of isDown ? members : members.toReversed()) {
			const middle = new Map(column.map((node) => [node, neighbourHeight(node, forward, heights, isDown)]));
			column.sort((a, b) => middle.get(a)! - middle.get(b)! || a - b);
			for (const [row, node] of column.entries()) heights[node] = row - column.length / 2;
		}
	}
	const rows = Math.max(1, ...members.map((column) => column.length));
	const places: Place[] = [];
	for (const [index, column] of members.entries())
		for (const [row, node] of column.entries()) places[node] = { column: index, row: row + (rows - column.length) / 2 };
	return { places, columns: members.length, rows };
}

export type Call = { readonly caller: number; readonly callee: number; readonly rows: readonly number[] };

/**
 * Makes one node of all that only call but the `most` busiest, and one of all that are only called. New nodes get numbers
 * after those of `names`.
 */
export function mergeAlike(
	calls: readonly Call[],
	names: readonly string[],
	most: number,
): { readonly merged: Call[]; readonly names: readonly string[] } {
	const busy = { caller: new Map<number, number>(), callee: new Map<number, number>() };
	for (const { caller, callee, rows } of calls) {
		busy.caller.set(caller, (busy.caller.get(caller) ?? 0) + rows.length);
		busy.callee.set(callee, (busy.callee.get(callee) ?? 0) + rows.length);
	}
	const all = [...names];
	const standsFor = new Map<number, number>();
	for (const [own, other, what] of [
		['caller', 'callee', 'callers'],
		['callee', 'caller', 'callees'],
	] as const) {
		const alike = [...busy[own]].filter(([node]) => !busy[other].has(node)).sort((a, b) => b[1] - a[1]);
		const others = alike.slice(most);
		if (others.length < 2) continue;
		for (const [node] of others) standsFor.set(node, all.length);
		all.push(`${others.length} other ${what}`);
	}
	const merged = new Map<string, { caller: number; callee: number; rows: number[] }>();
	for (const call of calls) {
		const caller = standsFor.get(call.caller) ?? call.caller;
		const callee = standsFor.get(call.callee) ?? call.callee;
		const before = merged.get(`${caller} ${callee}`);
		if (before === undefined) merged.set(`${caller} ${callee}`, { caller, callee, rows: [...call.rows] });
		else for (const row of call.rows) before.rows.push(row);
	}
	return { merged: [...merged.values()], names: all };
}

function neighbourHeight(
	node: number,
	edges: readonly GraphEdge[],
	heights: readonly number[],
	fromLeft: boolean,
): number {
	let sum = 0;
	let weights = 0;
	for (const { from, to, weight } of edges) {
		const other = fromLeft ? (to === node ? from : -1) : from === node ? to : -1;
		if (other < 0) continue;
		sum += heights[other]! * weight;
		weights += weight;
	}
	return weights === 0 ? heights[node]! : sum / weights;
}

/** The edges without those that lead back to a node on the way to them. Heavy edges are kept first. */
function withoutCircles(nodes: number, edges: readonly GraphEdge[]): GraphEdge[] {
	const kept: GraphEdge[] = [];
	const next: number[][] = Array.from({ length: nodes }, () => []);
	const reaches = (from: number, to: number): boolean => {
		const seen = new Set([from]);
		const waiting = [from];
		for (let node = waiting.pop(); node !== undefined; node = waiting.pop()) {
			if (node === to) return true;
			for (const other of next[node]!) {
				if (seen.has(other)) continue;
				seen.add(other);
				waiting.push(other);
			}
		}
		return false;
	};
	for (const edge of edges.toSorted((a, b) => b.weight - a.weight)) {
		if (edge.from === edge.to || reaches(edge.to, edge.from)) continue;
		next[edge.from]!.push(edge.to);
		kept.push(edge);
	}
	return kept;
}

/** For each node, the length of the longest path to it. */
function longestPaths(nodes: number, edges: readonly GraphEdge[]): number[] {
	const columns = Array.from({ length: nodes }, () => 0);
	for (let round = 0; round < nodes; round++) {
		let isChanged = false;
		for (const { from, to } of edges) {
			if (columns[to]! > columns[from]!) continue;
			columns[to] = columns[from]! + 1;
			isChanged = true;
		}
		if (!isChanged) break;
	}
	return columns;
}
