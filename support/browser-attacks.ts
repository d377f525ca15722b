// Texts that would run in a browser that took them for markup, and exchanges in which every field is one of them. Each calls
// `attack(N)` or asks https://attack.invalid/N for something, so that whoever watches the browser knows which one got through.
import type { ExchangeDetail } from '../src/output/exchange-parts.ts';
import { EXCHANGE_COLUMNS } from '../src/store/exchange-table.ts';
import type { SqlValue } from '../src/store/table.ts';

const RUN = (number: number) => `attack(${number})`;
const URL_OF = (number: number) => `https://attack.invalid/${number}`;

const MAKERS: readonly ((run: string, url: string) => string)[] = [
	// Elements that run or load.
	(run) => `<script>${run}</script>`,
	(_, url) => `<script src=${url}></script>`,
	(_, url) => `<script src="${url}" type=module></script>`,
	(run) => `<ScRiPt>${run}</sCrIpT>`,
	(run) => `<script/x>${run}</script/x>`,
	(run) => `<script\n>${run}</script\n>`,
	(run) => `<<script>${run}//<</script>`,
	(run) => `<svg><script>${run}</script></svg>`,
	(run) => `<svg/onload=${run}>`,
	(run) => `<svg><animate onbegin=${run} attributeName=x dur=1s>`,
	(run) => `<svg><set onbegin=${run} attributeName=x>`,
	(run) => `<math><mtext></form><form><mglyph><style></math><img src=x onerror=${run}>`,
	(run) => `<img src=x onerror=${run}>`,
	(run) => `<img src=x onerror="${run}">`,
	(run) => `<img/src="x"/onerror=${run}/`,
	(_, url) => `<img src="${url}">`,
	(_, url) => `<img srcset="${url} 2x">`,
	(_, url) => `<link rel=stylesheet href="${url}">`,
	(_, url) => `<link rel=preload as=image href="${url}">`,
	(_, url) => `<link rel=dns-prefetch href="${url}">`,
	(_, url) => `<style>@import "${url}";</style>`,
	(_, url) => `<style>*{background:url(${url})}</style>`,
	(_, url) => `<div style="background:url(${url})">x</div>`,
	(_, url) => `<iframe src="${url}"></iframe>`,
	(run) => `<iframe srcdoc="<script>${run}</script>"></iframe>`,
	(run) => `<iframe src="javascript:parent.${run}"></iframe>`,
	(_, url) => `<object data="${url}"></object>`,
	(_, url) => `<embed src="${url}">`,
	(_, url) => `<video src="${url}" autoplay></video>`,
	(run) => `<video><source onerror=${run}>`,
	(run) => `<audio src=x onerror=${run}>`,
	(run) => `<body onload=${run}>`,
	(run) => `<body onpageshow=${run}>`,
	(run) => `<input autofocus onfocus=${run}>`,
	(run) => `<details open ontoggle=${run}>`,
	(run) => `<marquee onstart=${run}>`,
	(run) => `<select autofocus onfocus=${run}>`,
	(run) => `<x contenteditable onfocus=${run} tabindex=1 id=x autofocus>`,
	(_, url) => `<meta http-equiv=refresh content="0;url=${url}">`,
	(_, url) => `<base href="${url}/">`,
	(_, url) => `<form action="${url}"><input type=submit id=go></form><script>go.click()</script>`,
	(_, url) => `<a ping="${url}" href="${url}">x</a>`,
	(run) => `<a href="javascript:${run}">x</a>`,
	(run) => `<a href="data:text/html,<script>opener.${run}</script>">x</a>`,
	// Ways out of where a text may stand: attributes, JSON, script elements, comments.
	(run) => `"><script>${run}</script>`,
	(run) => `'><script>${run}</script>`,
	(run) => `" onmouseover="${run}" x="`,
	(run) => `' autofocus onfocus='${run}' x='`,
	(run) => `\` onerror=${run} \``,
	(run) => `</script><script>${run}</script>`,
	(run) => `</script ><img src=x onerror=${run}>`,
	(run) => `<!--<script>${run}</script>-->`,
	(run) => `--><script>${run}</script>`,
	(run) => `<!--<script>`.concat(`</script><img src=x onerror=${run}>`),
	(run) => `]]><script>${run}</script>`,
	(run) => `</style><script>${run}</script>`,
	(run) => `</title><script>${run}</script>`,
	(run) => `</noscript><script>${run}</script>`,
	(run) => `<noscript><p title="</noscript><img src=x onerror=${run}>">`,
	(run) => `<template><script>${run}</script></template>`,
	(run) => `"};${run};//`,
	(run) => `\\"};${run};//`,
	(run) => `\u2028${run}\u2029`,
	(run) => `\${${run}}`,
	(run) => `{{constructor.constructor('${run}')()}}`,
	(run) => `javascript:${run}`,
	// Other charsets and encodings of the same.
	(run) => `+ADw-script+AD4-${run}+ADw-/script+AD4-`,
	(run) => `\ufeff<script>${run}</script>`,
	(run) => `%3Cscript%3E${run}%3C/script%3E`,
	(run) => `&lt;script&gt;${run}&lt;/script&gt;`,
	(run) => `\u00bcscript\u00be${run}\u00bc/script\u00be`,
	(run) => `\x1b$B<script>${run}</script>`,
	(run) => `<\0script>${run}</script>`,
	// Names that mean something to JavaScript.
	() => '__proto__',
	() => 'constructor',
	(run) => `{"__proto__":{"${run}":1},"constructor":{"prototype":{"x":1}}}`,
];

export const ATTACKS: readonly string[] = MAKERS.map((make, number) => make(RUN(number), URL_OF(number)));

/** An exchange for each attack, all of whose texts are that attack. */
export function hostileExchanges(): ExchangeDetail[] {
	return ATTACKS.map((attack, number) => {
		const columns: Record<string, SqlValue> = {};
		for (const { name, type } of EXCHANGE_COLUMNS) columns[name] = type === 'text' || type === 'json' ? attack : null;
		const body = Buffer.from(number % 2 === 0 ? attack : JSON.stringify({ [attack]: [attack] }));
		return {
			columns: {
				...columns,
				...{ id: number + 1, conn: 1 + (number % 9), pid: 100, status: [200, 302, 404, 500][number % 4]! },
				ts: `2026-11-22T12:56:${String(number % 60).padStart(2, '0')}.123456Z`,
				side: number % 3 === 0 ? 'client' : 'server',
				...{ duration_ms: 1 + number, ttfb_ms: number / 2, req_body_bytes: body.length, res_body_bytes: body.length },
				...{ req_captured_bytes: body.length, res_captured_bytes: body.length, lost_bytes: 0 },
				...{ req_body_raw: body, res_body_raw: body, req_body_note: attack, res_body_note: attack },
			},
			requestTarget: { text: attack },
			requestHeaders: fields(attack, number),
			responseHeaders: fields(attack, number),
			sendMs: 0.1,
		};
	});
}

function fields(attack: string, number: number) {
	const type = ['text/html', 'application/json', 'image/svg+xml', attack][number % 4]!;
	return [
		{ name: 'Content-Type', value: type, trailer: false },
		{ name: attack, value: attack, trailer: false },
		{ name: 'Refresh', value: `0;url=https://attack.invalid/${number}`, trailer: true },
	];
}
