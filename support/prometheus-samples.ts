// Reads Prometheus's text format with a parser that is not ours.
import { createRequire } from 'node:module';

type Metric = { readonly labels?: Readonly<Record<string, string>>; readonly value: string };
type Family = { readonly name: string; readonly metrics: readonly Metric[] };

// It has no types.
const parse = createRequire(import.meta.url)('parse-prometheus-text-format') as (text: string) => Family[];

/** Samples as `name{label=value,label=value}`. */
export function prometheusSamples(text: string): [name: string, value: number][] {
	// The parser knows only histograms without labels, so it reads those as single samples.
	return parse(text.replace(/^# TYPE \S+ histogram$/gm, '')).flatMap(({ name, metrics }) =>
		metrics.map(({ labels = {}, value }): [string, number] => {
			const pairs = Object.entries(labels).map(([label, text]) => `${label}=${text}`);
			return [pairs.length === 0 ? name : `${name}{${pairs.join(',')}}`, Number(value)];
		}),
	);
}
