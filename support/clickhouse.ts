// Debian's clickhouse-server (version 18) as an ordinary process with a directory of its own.
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually } from './eventually.ts';
import { freePort, stopChild } from './servers.ts';

const PROGRAM = '/usr/sbin/clickhouse-server';

/** A node of a cluster, as the others reach it. */
export type Node = { readonly http: number; readonly tcp: number };

export type ClickHouse = {
	readonly url: string;
	readonly node: Node;
	/** Runs a statement; resolves to the answer's text, and throws if it is an error. */
	readonly ask: (sql: string, settings?: Readonly<Record<string, string | number>>) => Promise<string>;
	/** The rows of a query, each a list of values. */
	readonly rows: (sql: string) => Promise<unknown[][]>;
	/** Milliseconds of CPU time of the process so far. */
	readonly cpuMs: () => number;
	/** Ends the process at once; the data stay. */
	readonly kill: () => Promise<void>;
	/** Starts it again on the same ports. */
	readonly restart: () => Promise<void>;
	readonly stop: () => Promise<void>;
};

export type ClickHouseOptions = {
	/** The nodes of the cluster `shards`, each a shard. The first one is this server. */
	readonly nodes?: readonly Node[];
};

export async function newNode(): Promise<Node> {
	return { http: await freePort(), tcp: await freePort() };
}

/** Starts a server, with the users `default` (all rights), `reader` (read-only) and `sender` (password `secret`). */
export async function startClickHouse({ nodes = [] }: ClickHouseOptions = {}): Promise<ClickHouse> {
	const node = nodes[0] ?? (await newNode());
	const directory = mkdtempSync(join(tmpdir(), 'tinytap-clickhouse-'));
	mkdirSync(join(directory, 'data'));
	writeFileSync(join(directory, 'config.xml'), configuration(directory, node, nodes));
	writeFileSync(join(directory, 'users.xml'), USERS);
	const url = `http://127.0.0.1:${node.http}`;
	let child: ChildProcess;
	const start = async () => {
		child = spawn(PROGRAM, [`--config-file=${join(directory, 'config.xml')}`], { stdio: 'ignore' });
		await eventually(
			async () => {
				if (child.exitCode !== null) throw new Error(`clickhouse-server ended: ${errorLog(directory)}`);
				const answer = await fetch(`${url}/ping`).catch(() => undefined);
				return answer?.ok === true ? true : undefined;
			},
			() => `clickhouse-server does not answer: ${errorLog(directory)}`,
			60,
		);
	};
	await start();
	const ask: ClickHouse['ask'] = async (sql, settings = {}) => {
		const parameters = new URLSearchParams(
			Object.fromEntries(Object.entries(settings).map(([name, value]) => [name, String(value)])),
		);
		const answer = await fetch(`${url}/?${parameters}`, { method: 'POST', body: sql });
		const text = await answer.text();
		if (!answer.ok) throw new Error(`${sql}: ${text}`);
		return text;
	};
	return {
		url,
		node,
		ask,
		rows: async (sql) => (JSON.parse(await ask(`${sql} FORMAT JSONCompact`)) as { data: unknown[][] }).data,
		cpuMs: () => {
			const stat = readFileSync(`/proc/${child.pid}/stat`, 'latin1');
			const [user, system] = stat
				.slice(stat.lastIndexOf(')') + 2)
				.split(' ')
				.slice(11, 13);
			// In ticks of 10 ms, which is the same on every Linux.
			return (Number(user) + Number(system)) * 10;
		},
		kill: async () => {
			const ended = new Promise((resolve) => child.once('exit', resolve));
			child.kill('SIGKILL');
			await ended;
		},
		restart: start,
		stop: async () => {
			await stopChild(child);
			rmSync(directory, { recursive: true, force: true });
		},
	};
}

function errorLog(directory: string): string {
	try {
		return readFileSync(join(directory, 'error.log'), 'utf8').slice(-2000);
	} catch {
		return 'it wrote no log';
	}
}

function configuration(directory: string, { http, tcp }: Node, nodes: readonly Node[]): string {
	const shards = nodes.map(
		(node) => `<shard><replica><host>127.0.0.1</host><port>${node.tcp}</port></replica></shard>`,
	);
	return `<yandex>
	<logger><level>warning</level><log>${directory}/server.log</log><errorlog>${directory}/error.log</errorlog></logger>
	<listen_host>127.0.0.1</listen_host>
	<http_port>${http}</http_port>
	<tcp_port>${tcp}</tcp_port>
	<path>${directory}/data/</path>
	<tmp_path>${directory}/tmp/</tmp_path>
	<user_files_path>${directory}/files/</user_files_path>
	<format_schema_path>${directory}/schemas/</format_schema_path>
	<users_config>${directory}/users.xml</users_config>
	<default_profile>default</default_profile>
	<default_database>default</default_database>
	<mark_cache_size>268435456</mark_cache_size>
	<remote_servers>${nodes.length === 0 ? '' : `<shards>${shards.join('')}</shards>`}</remote_servers>
</yandex>
`;
}

const USERS = `<yandex>
	<profiles>
		<default></default>
		<readonly><readonly>2</readonly><max_execution_time>5</max_execution_time></readonly>
	</profiles>
	<users>
		<default><password></password><networks><ip>127.0.0.1</ip></networks><profile>default</profile><quota>default</quota></default>
		<reader><password></password><networks><ip>127.0.0.1</ip></networks><profile>readonly</profile><quota>default</quota></reader>
		<sender><password>secret</password><networks><ip>127.0.0.1</ip></networks><profile>default</profile><quota>default</quota></sender>
	</users>
	<quotas><default></default></quotas>
</yandex>
`;
