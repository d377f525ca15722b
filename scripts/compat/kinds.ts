// All servers under test.
import { APPLICATION_SERVER_KINDS } from './application-servers.ts';
import { CALL_SERVER_KINDS } from './call-servers.ts';
import { FILE_SERVER_KINDS } from './file-servers.ts';
import { NETWORK_SERVER_KINDS } from './network-servers.ts';
import { NGINX_KINDS } from './nginx.ts';
import type { ServerKind } from './server-kind.ts';

export const KINDS: readonly ServerKind[] = [
	...NGINX_KINDS,
	...FILE_SERVER_KINDS,
	...APPLICATION_SERVER_KINDS,
	...CALL_SERVER_KINDS,
	...NETWORK_SERVER_KINDS,
];
