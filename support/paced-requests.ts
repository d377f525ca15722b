// Requests at a steady rate over a few keep-alive connections, one at a time on each.
import { connect, type Socket } from 'node:net';

export type Paced = {
	/** Requests answered so far. */
	readonly answered: () => number;
	/** Stops sending; resolves to the number of requests when all have been answered. */
	readonly stop: () => Promise<number>;
};

/** Longest interval between two checks for due requests. */
const TICK_MS = 2;

/** Sends GET requests until stopped; each response must end with `ending`, which occurs nowhere else in it. */
export function sendPaced(options: {
	readonly port: number;
	readonly path: string;
	readonly ending: string;
	readonly perSecond: number;
	readonly connections: number;
}): Paced {
	const request = `GET ${options.path} HTTP/1.1\r\nHost: load\r\n\r\n`;
	const free: Socket[] = [];
	const begin = performance.now();
	let sent = 0;
	let answered = 0;
	let isStopping = false;
	let settle: { resolve: (total: number) => void; reject: (error: Error) => void } | undefined;
	let failure: Error | undefined;
	const look = () => {
		if (isStopping) {
			if (answered === sent) settle?.resolve(answered);
			return;
		}
		const due = ((performance.now() - begin) / 1000) * options.perSecond;
		while (sent < due && free.length > 0) {
			free.pop()!.write(request);
			sent++;
		}
	};
	const sockets = Array.from({ length: options.connections }, () => {
		const socket = connect(options.port, '127.0.0.1');
		let text = '';
		socket.setNoDelay(true).setEncoding('latin1');
		socket.on('connect', () => free.push(socket));
		socket.on('data', (chunk: string) => {
			text += chunk;
			if (!text.endsWith(options.ending)) return;
			text = '';
			answered++;
			free.push(socket);
			look();
		});
		socket.on('error', (error) => {
			failure = error;
			settle?.reject(error);
		});
		// Do not keep the process alive after a failed test.
		socket.unref();
		return socket;
	});
	const timer = setInterval(look, TICK_MS);
	timer.unref();
	return {
		answered: () => answered,
		stop: async () => {
			isStopping = true;
			clearInterval(timer);
			try {
				if (failure !== undefined) throw failure;
				return await new Promise<number>((resolve, reject) => {
					settle = { resolve, reject };
					look();
				});
			} finally {
				for (const socket of sockets) socket.destroy();
			}
		},
	};
}
