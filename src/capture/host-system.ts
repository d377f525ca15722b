// Which system this is, and what its users do to get what a capture needs. For `tinytap doctor`.
import { existsSync, readFileSync } from 'node:fs';

export type Distribution = 'debian' | 'ubuntu' | 'fedora' | 'rhel' | 'alpine' | 'arch' | 'other';

export type HostSystem = {
	readonly distribution: Distribution;
	/** `22.04`; '' if it has none. */
	readonly version: string;
	readonly isWsl: boolean;
	/** The program that runs this container; undefined outside of one. */
	readonly container: string | undefined;
};

/** Reads a file of this machine; undefined if there is none. */
export type ReadFile = (path: string) => string | undefined;

/** Names in os-release; the first that matches ID, then the words of ID_LIKE. */
const DISTRIBUTIONS: Readonly<Record<string, Distribution>> = {
	debian: 'debian',
	ubuntu: 'ubuntu',
	fedora: 'fedora',
	rhel: 'rhel',
	centos: 'rhel',
	rocky: 'rhel',
	almalinux: 'rhel',
	amzn: 'rhel',
	alpine: 'alpine',
	arch: 'arch',
};

/** The flags with which a container may capture; the host must run it as root. */
export const CONTAINER_FLAGS =
	'--pid=host --cap-add BPF --cap-add PERFMON --cap-add SYS_PTRACE --cap-add SYS_NICE --cap-add DAC_READ_SEARCH --security-opt seccomp=unconfined --security-opt apparmor=unconfined -v /sys/kernel/tracing:/sys/kernel/tracing:ro';

export function hostSystem(read: ReadFile = readFile): HostSystem {
	const release = read('/etc/os-release') ?? read('/usr/lib/os-release') ?? '';
	const value = (name: string) => new RegExp(`^${name}=["']?([^"'\n]*)`, 'm').exec(release)?.[1] ?? '';
	const names = [value('ID'), ...value('ID_LIKE').split(' ')];
	return {
		distribution: names.map((name) => DISTRIBUTIONS[name]).find((found) => found !== undefined) ?? 'other',
		version: value('VERSION_ID'),
		isWsl: /microsoft/i.test(read('/proc/version') ?? ''),
		container: containerOf(read),
	};
}

function containerOf(read: ReadFile): string | undefined {
	if (read('/.dockerenv') !== undefined) return 'docker';
	if (read('/run/.containerenv') !== undefined) return 'podman';
	const named = read('/run/systemd/container')?.trim();
	if (named !== undefined && named !== '') return named;
	return /\b(docker|kubepods|lxc|libpod)\b/.exec(read('/proc/1/cgroup') ?? '')?.[1];
}

/** How to get a newer kernel. */
export function newerKernel({ distribution, version, isWsl, container }: HostSystem): string {
	if (isWsl) return 'In Windows: wsl --update, then wsl --shutdown.';
	if (container !== undefined) return "The kernel is that of the container's host: boot a newer one there.";
	switch (distribution) {
		case 'debian':
			return 'Debian 11 and newer have one: upgrade, or install linux-image-amd64 (or -arm64) from backports, and reboot.';
		case 'ubuntu':
			return `apt install linux-generic-hwe-${version === '' ? 'RELEASE' : version}, and reboot.`;
		case 'fedora':
			return 'dnf upgrade kernel, and reboot.';
		case 'rhel':
			return 'Release 9 and newer have one. Release 8 has 4.18, which cannot capture.';
		case 'alpine':
			return 'apk add linux-lts, and reboot.';
		case 'arch':
			return 'pacman -Syu linux, and reboot.';
		default:
			return 'Boot a newer kernel of your distribution.';
	}
}

/** How to get a kernel that is built with `option`. */
export function kernelWith(option: string, { distribution, isWsl, container }: HostSystem): string {
	if (isWsl)
		return `In Windows: wsl --update, then wsl --shutdown. If that does not help, build WSL2's kernel with ${option} and name it in .wslconfig.`;
	const where = container === undefined ? 'Boot' : "On the container's host, boot";
	const names: Readonly<Record<Distribution, string>> = {
		debian: "Debian's own kernel (linux-image-amd64 or -arm64)",
		ubuntu: "Ubuntu's own kernel (linux-generic)",
		fedora: "Fedora's own kernel",
		rhel: "the distribution's own kernel",
		alpine: 'linux-lts rather than a smaller kernel',
		arch: 'the package linux',
		other: "the distribution's own kernel",
	};
	return `${where} ${names[distribution]}, or one that is built with ${option}.`;
}

/** How to boot without the kernel's strictest lockdown. */
export function withoutLockdown({ distribution, container }: HostSystem): string {
	const argument = 'lockdown=confidentiality';
	if (container !== undefined) return `Boot the container's host without ${argument}.`;
	switch (distribution) {
		case 'debian':
		case 'ubuntu':
			return `Remove ${argument} from /etc/default/grub, run update-grub, and reboot.`;
		case 'fedora':
		case 'rhel':
			return `grubby --update-kernel=ALL --remove-args=${argument}, and reboot.`;
		case 'alpine':
			return `Remove ${argument} from /etc/update-extlinux.conf, run update-extlinux, and reboot.`;
		default:
			return `Remove ${argument} from the kernel's command line, and reboot.`;
	}
}

/** How root in a container gets the capabilities. */
export function containerRights({ container }: HostSystem): string {
	const program = container === 'podman' || container === 'libpod' ? 'podman' : 'docker';
	const lxc = 'Run it on the host: an LXC container has no rights over the kernel.';
	if (container === 'lxc') return lxc;
	if (container === 'kubepods')
		return 'In the pod: hostPID: true, securityContext.privileged: true, and the host’s /sys/kernel/tracing as a volume. Or run it on the node.';
	return `Start the container as root of the host with: ${program} run ${CONTAINER_FLAGS} …, or with --privileged --pid=host. Or run tinytap on the host.`;
}

function readFile(path: string): string | undefined {
	try {
		return existsSync(path) ? readFileSync(path, 'utf8') : undefined;
	} catch {
		// Not readable by this user.
		return undefined;
	}
}
