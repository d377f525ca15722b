// The settings of a session: capture, output format, user.
import type { InvokingUser } from '../base/invoking-user.ts';
import type { CaptureSettings } from '../capture/capture-settings.ts';
import type { Redactor } from '../output/redaction.ts';
import type { ResultFormat } from '../output/result-format.ts';
import type { Theme } from '../output/theme.ts';
import type { ConfigurationFile } from './configuration.ts';
import type { QueryDirectories } from './saved-queries.ts';
import type { SettingValues } from './shell-settings.ts';

/** How results are shown. */
export type Presentation = {
	/** Undefined: table. */
	readonly format: ResultFormat | undefined;
	readonly raw: boolean;
	/** Redacts output that is meant to be shared. Null with --no-redact. */
	readonly redactor: Redactor | null;
	/** --redact: redact all output. */
	readonly redactsAll: boolean;
	readonly quiet: boolean;
	/** Colours for stdout, and for stderr. */
	readonly theme: Theme;
	readonly errorTheme: Theme;
};

export type SessionSettings = {
	readonly capture: CaptureSettings;
	readonly presentation: Presentation;
	readonly user: InvokingUser;
	/** Existing files may be replaced. */
	readonly force: boolean;
	/** --safe: refuse commands that read or write files. */
	readonly safe: boolean;
	readonly configurationFile: ConfigurationFile;
	/** Settings from the configuration. Only the prompt uses them, because scripts rely on the defaults. */
	readonly settings: Partial<SettingValues>;
	readonly directories: {
		/** Statements and commands that the prompt runs first. */
		readonly startFile: string;
		readonly history: string;
		readonly userQueries: string;
		readonly queries: QueryDirectories;
	};
	/** Files with protobuf schemas (--proto). */
	readonly proto: readonly string[];
	/** A tail prints the rows of both sides of an exchange. */
	readonly both: boolean;
	/** Time limit of a statement; undefined if not given. */
	readonly timeoutMs: number | undefined;
};
