// What a session is run with: where its rows come from, how results look, whose session it is.
import type { InvokingUser } from '../base/invoking-user.ts';
import type { CaptureSettings } from '../capture/capture-settings.ts';
import type { Redactor } from '../output/redaction.ts';
import type { ResultFormat } from '../output/result-format.ts';
import type { Theme } from '../output/theme.ts';
import type { QueryDirectories } from './saved-queries.ts';

/** How results are shown. */
export type Presentation = {
	/** Undefined: table on a terminal and elsewhere alike. */
	readonly format: ResultFormat | undefined;
	readonly raw: boolean;
	/** For what is meant to be shared; null with --no-redact. */
	readonly redactor: Redactor | null;
	readonly quiet: boolean;
	/** For stdout, and for stderr. */
	readonly theme: Theme;
	readonly errorTheme: Theme;
};

export type SessionSettings = {
	readonly capture: CaptureSettings;
	readonly presentation: Presentation;
	readonly user: InvokingUser;
	readonly directories: { readonly history: string; readonly userQueries: string; readonly queries: QueryDirectories };
	/** Of a statement. Undefined: not given. */
	readonly timeoutMs: number | undefined;
};
