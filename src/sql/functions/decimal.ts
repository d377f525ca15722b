// Rounds doubles as people expect: 1.255 becomes 1.26, although the double is slightly less than 1.255.

/** `value` with `places` decimal places. Rounding ignores digits beyond the sixteenth significant one. */
export function fixedText(value: number, places: number): string {
	const [mantissa, exponent] = Math.abs(value).toExponential(15).split('e') as [string, string];
	// The value is digits × 10^-scale.
	const digits = BigInt(mantissa.replace('.', ''));
	const scale = 15 - Number(exponent);
	const shift = 10n ** BigInt(Math.abs(scale - places));
	const rounded = scale <= places ? digits * shift : (digits + shift / 2n) / shift;
	const text = rounded.toString().padStart(places + 1, '0');
	const sign = value < 0 && rounded !== 0n ? '-' : '';
	return sign + (places === 0 ? text : `${text.slice(0, -places)}.${text.slice(-places)}`);
}
