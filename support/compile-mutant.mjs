// Compiles the decoder of the checkout in the current directory for each message, and answers with what is wrong, or
// with nothing. A process that has compiled before is several times as fast. The code is not optimised, because that
// would take most of the time.
import asc from 'assemblyscript/asc';

const nowhere = { write() {} };

process.on('message', async () => {
	let said = '';
	const { error } = await asc.main(
		[
			'decoder-as/assembly/index.ts',
			...['--config', 'decoder-as/asconfig.json', '--target', 'debug', '--optimizeLevel', '0'],
			...['--outFile', 'build/decoder-debug.wasm'],
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
	process.send(error ? `compiler: ${said.trim().split('\n')[0] || error.message}` : '');
});
