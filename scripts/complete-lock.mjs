// Run this after `npm install` has changed package-lock.json. npm omits optional packages for other platforms if the
// registry in use does not have them, and then `npm ci` refuses the file. This adds them by name and version; they are
// never fetched here.
import { readFileSync, writeFileSync } from 'node:fs';

const path = 'package-lock.json';
const lock = JSON.parse(readFileSync(path, 'utf8'));
for (const manifest of Object.values(lock.packages)) {
	for (const [name, version] of Object.entries(manifest.optionalDependencies ?? {})) {
		const key = `node_modules/${name}`;
		const platform =
			/-(android|darwin|linux|win32|freebsd|openbsd|netbsd|sunos|aix)-(arm64|x64|arm|ia32|ppc64|s390x|riscv64|loong64|mips64el)(-musl|-gnu)?$/.exec(
				name,
			);
		if (lock.packages[key] !== undefined || platform === null) continue;
		lock.packages[key] = {
			version,
			cpu: [platform[2]],
			...(manifest.dev === true ? { dev: true } : {}),
			...(platform[3] === undefined ? {} : { libc: [platform[3] === '-musl' ? 'musl' : 'glibc'] }),
			optional: true,
			os: [platform[1]],
		};
	}
}
lock.packages = Object.fromEntries(Object.entries(lock.packages).sort(([a], [b]) => (a < b ? -1 : 1)));
writeFileSync(path, `${JSON.stringify(lock, null, 2)}\n`);
