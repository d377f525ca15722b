// Reports when the privileged processes do not answer: somebody has stopped them, or a hostile process blocks them.
import type { NativeCapture } from './native-addon.ts';

export type Warning = { readonly message: string; readonly hint?: string };

type Silence = ReturnType<NativeCapture['silence']>;

const LOOKERS = 'the processes that look up sockets and executables do not answer';
const HELPER = 'the helper does not answer';

/** Returns a function to call with each new state. It returns warnings about changes that the user does not know yet. */
export function silenceWarnings(): (now: Silence) => Warning[] {
	let before: Silence = { helper: false, lookers: false, unanswered: 0 };
	return (now) => {
		const warnings: Warning[] = [];
		if (now.lookers && !before.lookers)
			warnings.push({
				message: `${LOOKERS}: addresses of connections and paths of executables may be missing`,
				hint: 'A process whose file system never answers can hold them up; tinytap asks again now and then.',
			});
		if (now.helper && !before.helper)
			warnings.push({
				message: `${HELPER}: calls that the kernel did not show to the programs are not counted`,
				hint: 'It may be stopped: kill -CONT $(pidof tinytap-helper)',
			});
		if (before.helper || before.lookers) {
			if (!now.helper && !now.lookers)
				warnings.push({ message: `they answer again; ${now.unanswered} questions were left unanswered` });
		}
		before = now;
		return warnings;
	};
}
