// Makes elements. Captured text goes in only as text and as values of harmless attributes, so it never becomes markup.

type Child = Node | string | null | undefined | false;
type Attributes = Readonly<Record<string, string | number | boolean | undefined | ((event: never) => void)>>;

/** Attributes that a caller may set. None of them loads, runs or styles anything. */
const HARMLESS =
	/^(?:class|id|role|tabindex|title|type|value|placeholder|for|scope|colspan|spellcheck|autocomplete|name|open|hidden|checked|disabled|lang|aria-[a-z]+|data-[a-z]+|width|height|viewBox|[xy][12]?|c[xy]|r[xy]?|d|points|transform|text-anchor|dominant-baseline|stroke-width|opacity|preserveAspectRatio|href)$/;

const SVG = 'http://www.w3.org/2000/svg';

/** An HTML element. A function as the value of an attribute listens for the event of that name. */
export function h<Tag extends keyof HTMLElementTagNameMap>(
	tag: Tag,
	attributes: Attributes = {},
	...children: Child[]
): HTMLElementTagNameMap[Tag] {
	return filled(document.createElement(tag), attributes, children);
}

/** An element of a drawing. */
export function s<Tag extends keyof SVGElementTagNameMap>(
	tag: Tag,
	attributes: Attributes = {},
	...children: Child[]
): SVGElementTagNameMap[Tag] {
	return filled(document.createElementNS(SVG, tag), attributes, children);
}

function filled<Made extends Element>(element: Made, attributes: Attributes, children: readonly Child[]): Made {
	for (const [name, value] of Object.entries(attributes)) {
		if (value === undefined || value === false) continue;
		if (typeof value === 'function') element.addEventListener(name, value as EventListener);
		else if (!HARMLESS.test(name) || (name === 'href' && !String(value).startsWith('#')))
			throw new Error(`attribute ${name}`);
		else element.setAttribute(name, value === true ? '' : String(value));
	}
	for (const child of children) if (child !== null && child !== undefined && child !== false) element.append(child);
	return element;
}

/** Replaces what is in an element. */
export function fill(element: Element, ...children: Child[]): void {
	element.replaceChildren(...children.filter((child) => child !== null && child !== undefined && child !== false));
}

/** The colours of the theme by the names of their custom properties, for drawing on a canvas once. */
export function themeColors(): (name: string) => string {
	const style = getComputedStyle(document.documentElement);
	const known = new Map<string, string>();
	return (name) => {
		const color = known.get(name) ?? style.getPropertyValue(name).trim();
		known.set(name, color);
		return color;
	};
}

/** Measured widths. Measuring one after a change makes the browser lay out the page, so all are measured once. */
let widths = new WeakMap<Element, number>();

/** The width of an element's content, at least `least`. */
export function widthOf(element: Element, least = 280): number {
	const known = widths.get(element);
	if (known !== undefined) return known;
	const width = Math.max(least, Math.floor(element.clientWidth));
	// An element that is not in the page yet has none.
	if (element.clientWidth > 0) widths.set(element, width);
	return width;
}

/** The page has another width. */
export function forgetWidths(): void {
	widths = new WeakMap();
}

/** A canvas as sharp as the screen; returns its context, in CSS pixels. */
export function sizeCanvas(canvas: HTMLCanvasElement, width: number, height: number): CanvasRenderingContext2D {
	const scale = Math.min(3, window.devicePixelRatio || 1);
	canvas.width = Math.round(width * scale);
	canvas.height = Math.round(height * scale);
	canvas.style.width = `${width}px`;
	canvas.style.height = `${height}px`;
	const context = canvas.getContext('2d')!;
	context.setTransform(scale, 0, 0, scale, 0, 0);
	return context;
}
