// Compiles the decoder of the checkout in the current directory for each message: { entries: source files besides the
// decoder's, level: of optimisation, output }. Answers with what is wrong, or with nothing. A process that has compiled
// before is several times as fast.
import asc from 'assemblyscript/asc';

const nowhere = { write() {} };

process.on('message', async ({ entries, level, output }) => {
	let said = '';
	const { error } = await asc.main(
		[
			...entries,
			...['decoder-as/assembly/index.ts', '--config', 'decoder-as/asconfig.json', '--target', 'debug'],
			...['--optimizeLevel', String(level), '--outFile', output],
		],
		{
			stdout: nowhere,
			stderr: {
				write(text) {
					said += text;
				},
			},
		},
	);
	process.send(error ? `compiler: ${said.trim() || error.message}` : '');
});
