// The requests that a client sends to a server under test.
import { join } from 'node:path';
import { CASE_NAME } from './captured-row.ts';
import type { Request } from './clients.ts';
import type { Hop, Site, Target } from './server-kind.ts';

export function requestFor(target: Target, number: number, front: Hop, site: Site): Request {
	return {
		url: `http://${authority(front)}${target.path}?${CASE_NAME}=${number}`,
		method: target.method,
		headers: target.headers,
		body: target.requestBody === undefined ? null : join(site.root, target.requestBody.name),
		into: join(site.temporary, `received-${number}`),
		socket: front.socket ?? null,
	};
}

function authority({ host = '127.0.0.1', port, socket }: Hop): string {
	return socket === undefined ? `${host}:${port}` : 'localhost';
}
