// `tinytap info FILE`: summarizes a recording, or a file of another program.
import { EXIT } from '../base/errors.ts';
import type { InvokingUser } from '../base/invoking-user.ts';
import { damageText } from '../capture/recording-damage.ts';
import { standardOutput } from '../output/output-stream.ts';
import { forTerminal } from '../output/terminal-text.ts';
import { type RecordingInfo, recordingInfo } from './recording-info.ts';

/** Runs the command; resolves to the exit status: 1 if the file is damaged. */
export async function infoCommand(
	path: string,
	{ json, user }: { json: boolean; user: InvokingUser },
): Promise<number> {
	const info = recordingInfo(path, user);
	standardOutput().write(json ? `${JSON.stringify(info, null, 2)}\n` : infoText(info));
	return info.state === 'damaged' ? EXIT.runtime : EXIT.ok;
}

/** One line for each known fact. */
export function infoText(info: RecordingInfo): string {
	const { exchanges, part, merged, body_limit: limit } = info;
	const lines: [name: string, text: string | null][] = [
		['file', info.file],
		['format', info.format === 'tinytap' ? null : info.format],
		['size', `${info.bytes} bytes${info.compression === null ? '' : `, compressed (${info.compression})`}`],
		['state', info.damage === null ? 'complete' : damageText(info.damage).replace(/^is /, '')],
		[
			'version',
			info.format_version === null
				? null
				: `recording ${info.format_version}, records ${info.record_versions.join(', ') || 'none'}`,
		],
		['written by', info.written_by],
		['tinytap', info.tinytap],
		['host', info.host],
		['kernel', info.kernel],
		['boot', info.boot_id],
		['filters', info.filters],
		['where', info.where],
		['redacted', info.redacted ? 'yes' : null],
		['tls', info.tls ? 'plaintext of TLS is included' : null],
		['body limit', limit === null ? null : limit === 'none' ? 'none' : `${limit} bytes`],
		['part', part === null ? null : `${part} of recording ${info.recording ?? 'unknown'}`],
		['merged', merged === null ? null : `of ${merged} recordings`],
		['start', info.start],
		['end', info.end],
		['duration', info.duration_ms === null ? null : `${info.duration_ms} ms`],
		['records', info.records === null ? null : `${info.records} in ${info.frames} frames`],
		['packets', info.packets === null ? null : String(info.packets)],
		['link layers', info.link_layers === null ? null : info.link_layers.join(', ') || 'none'],
		['entries', info.entries === null ? null : String(info.entries)],
		['connections', String(info.connections)],
		[
			'exchanges',
			`${exchanges.server} server, ${exchanges.client} client${exchanges.unknown === 0 ? '' : `, ${exchanges.unknown} of unknown side`}`,
		],
		['loss', info.loss.length === 0 ? 'none' : null],
		...info.loss.map(({ reason, kind, events, bytes }): [string, string] => [
			'loss',
			`${reason}: ${events} events, ${bytes} bytes (${kind === 'lost' ? 'lost' : 'by design'})`,
		]),
		...info.notes.map((note): [string, string] => ['note', note]),
	];
	return lines.map(([name, text]) => (text === null ? '' : `${name.padEnd(12)} ${forTerminal(text)}\n`)).join('');
}
