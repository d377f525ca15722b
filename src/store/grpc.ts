// What a gRPC call says about itself in its path and its fields.
import { fieldValue, pathText } from './exchange-row.ts';
import type { Segment } from './segment.ts';

/** `application/grpc`, `application/grpc+proto`, `application/grpc-web` … */
const MEDIA_TYPE = /^application\/grpc(?![a-z0-9])/i;

/** Whether the content type of a request or a response says that it is gRPC. */
export function isGrpcType(contentType: string): boolean {
	return MEDIA_TYPE.test(contentType);
}

/** Either side may be unknown, or answer with a page of its own. */
function isGrpc(segment: Segment, row: number): boolean {
	return (['request', 'response'] as const).some((message) =>
		isGrpcType(fieldValue(segment, row, message, 'content-type') ?? ''),
	);
}

/** The path of a call: `/package.Service/Method`. */
function pathParts(segment: Segment, row: number): { readonly service: string; readonly method: string } | undefined {
	const path = isGrpc(segment, row) ? pathText(segment, row) : null;
	const [, service = '', method = ''] = /^\/(.+)\/([^/]+)$/.exec(path ?? '') ?? [];
	return service === '' ? undefined : { service, method };
}

export function grpcService(segment: Segment, row: number): string | null {
	return pathParts(segment, row)?.service ?? null;
}

export function grpcMethod(segment: Segment, row: number): string | null {
	return pathParts(segment, row)?.method ?? null;
}

export function grpcStatus(segment: Segment, row: number): number | null {
	const value = isGrpc(segment, row) ? fieldValue(segment, row, 'response', 'grpc-status') : null;
	return value !== null && /^\d{1,9}$/.test(value) ? Number(value) : null;
}

/** Bytes outside printable ASCII are sent as `%XX`; what is not is left as it is. */
export function grpcMessage(segment: Segment, row: number): string | null {
	const value = isGrpc(segment, row) ? fieldValue(segment, row, 'response', 'grpc-message') : null;
	if (value === null) return null;
	return value.replace(/(?:%[0-9a-f]{2})+/gi, (escaped) => Buffer.from(escaped.replaceAll('%', ''), 'hex').toString());
}
