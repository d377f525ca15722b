// Column `remote_name`: names of the other end, from requests of clients on this host and from /etc/hosts, never from
// DNS. An address for which clients use several names has no name.
import { SIDE_CLIENT } from '../../decoder-as/assembly/wire/output-layout.ts';
import { addressIp } from './address-parts.ts';
import { dictionaryText, targetText } from './exchange-row.ts';
import type { SegmentRows } from './row-locator.ts';
import type { Segment } from './segment.ts';

/** The names known at one instant. Never changes. */
export type RemoteNames = {
	readonly nameOf: (address: string) => string | null;
	/** Whether the connection became a tunnel (CONNECT): requests inside it do not go to its other end. */
	readonly isTunnel: (conn: number) => boolean;
};

export const NO_NAMES: RemoteNames = { nameOf: () => null, isTunnel: () => false };

/** Maximum number of addresses, and of tunnels, to remember. */
const MOST_ADDRESSES = 16_384;
const MOST_TUNNELS = 65_536;

/** Learns names from rows. Used by one thread only. */
export class NameBook {
	readonly #hosts: ReadonlyMap<string, string>;
	/** By `ip:port` and by ip; null if there are several names. Replaced when it changes. */
	#names: ReadonlyMap<string, string | null> = new Map();
	/** Connections, oldest first. */
	readonly #tunnels = new Set<number>();
	readonly #rowsSeen = new WeakMap<Segment, number>();

	/** `hosts`: names by ip. */
	constructor(hosts: Iterable<readonly [ip: string, name: string]> = []) {
		this.#hosts = new Map(hosts);
	}

	/** Learns from these rows, reading only those not seen before, and returns the names. */
	learn(parts: readonly SegmentRows[]): RemoteNames {
		const learned = new Map<string, string | null>();
		for (const part of parts) this.#read(part, learned);
		if (learned.size > 0) this.#names = new Map([...this.#names, ...learned]);
		const names = this.#names;
		const hosts = this.#hosts;
		return {
			isTunnel: (conn) => this.#tunnels.has(conn),
			nameOf: (address) => {
				const ip = addressIp(address);
				if (ip === null) return null;
				// If clients used several names, the hosts file is ignored, too.
				const called = names.has(address) ? names.get(address) : names.get(ip);
				return called === undefined ? (hosts.get(ip) ?? null) : called;
			},
		};
	}

	#read({ segment, first, rows }: SegmentRows, learned: Map<string, string | null>): void {
		const { host, remote } = segment.text;
		const known = new Set<number>();
		for (let row = Math.max(first, this.#rowsSeen.get(segment) ?? 0); row < rows; row++) {
			if (segment.u8.side[row] !== SIDE_CLIENT) continue;
			if (dictionaryText(segment, 'method', row) === 'CONNECT') this.#noteTunnel(segment.f64.conn[row]!);
			const pair = host[row]! * 0x10000 + remote[row]!;
			if (known.has(pair) || this.#tunnels.has(segment.f64.conn[row]!)) continue;
			const name = calledName(segment, row);
			if (name === null) continue;
			known.add(pair);
			const address = dictionaryText(segment, 'remote', row);
			if (address === null) continue;
			this.#note(address, name, learned);
			const ip = addressIp(address);
			if (ip !== null) this.#note(ip, name, learned);
		}
		this.#rowsSeen.set(segment, rows);
	}

	#noteTunnel(conn: number): void {
		this.#tunnels.add(conn);
		if (this.#tunnels.size <= MOST_TUNNELS) return;
		const [oldest] = this.#tunnels;
		this.#tunnels.delete(oldest!);
	}

	#note(key: string, name: string, learned: Map<string, string | null>): void {
		const before = learned.has(key) ? learned.get(key) : this.#names.get(key);
		if (before === undefined) {
			if (this.#names.size + learned.size < MOST_ADDRESSES) learned.set(key, name);
		} else if (before !== name && before !== null) {
			learned.set(key, null);
		}
	}
}

/** The name of the other end of this row. */
export function remoteName(segment: Segment, row: number, names: RemoteNames): string | null {
	const address = dictionaryText(segment, 'remote', row);
	if (address === null || addressIp(address) === null) return null;
	const isAsked = segment.u8.side[row] === SIDE_CLIENT && !names.isTunnel(segment.f64.conn[row]!);
	return (isAsked ? calledName(segment, row) : null) ?? names.nameOf(address);
}

/**
 * The name in the request's host, without port. Null for an IP address, and for a request to a proxy, whose host is not
 * the other end.
 */
function calledName(segment: Segment, row: number): string | null {
	const host = dictionaryText(segment, 'host', row);
	if (host === null || host.length > 260) return null;
	const target = targetText(segment, row);
	if (target === null || !/^[/*]/.test(target)) return null;
	const name = host.replace(/:\d*$/, '').replace(/\.$/, '').toLowerCase();
	return /^[a-z0-9_-]+(?:\.[a-z0-9_-]+)*$/.test(name) && /[a-z_]/.test(name) ? name : null;
}
