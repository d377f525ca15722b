// Decodes OTLP requests in JSON with a library for protocol buffers, which knows nothing of how tinytap writes them. The
// messages have the names, numbers and types of the protocol's version 1; whatever is not here is an error.
import protobuf from 'protobufjs';
import protojson from 'protobufjs/ext/protojson.js';

protojson.install();

const MESSAGES = `
syntax = "proto3";
message AnyValue {
  oneof value { string string_value = 1; bool bool_value = 2; int64 int_value = 3; double double_value = 4; }
}
message KeyValue { string key = 1; AnyValue value = 2; }
message Resource { repeated KeyValue attributes = 1; uint32 dropped_attributes_count = 2; }
message InstrumentationScope { string name = 1; string version = 2; }

message ExportTraceServiceRequest { repeated ResourceSpans resource_spans = 1; }
message ResourceSpans { Resource resource = 1; repeated ScopeSpans scope_spans = 2; string schema_url = 3; }
message ScopeSpans { InstrumentationScope scope = 1; repeated Span spans = 2; string schema_url = 3; }
message Status {
  string message = 2;
  StatusCode code = 3;
  enum StatusCode { STATUS_CODE_UNSET = 0; STATUS_CODE_OK = 1; STATUS_CODE_ERROR = 2; }
}
message Span {
  bytes trace_id = 1; bytes span_id = 2; string trace_state = 3; bytes parent_span_id = 4; string name = 5;
  SpanKind kind = 6; fixed64 start_time_unix_nano = 7; fixed64 end_time_unix_nano = 8;
  repeated KeyValue attributes = 9; uint32 dropped_attributes_count = 10; Status status = 15; fixed32 flags = 16;
  enum SpanKind {
    SPAN_KIND_UNSPECIFIED = 0; SPAN_KIND_INTERNAL = 1; SPAN_KIND_SERVER = 2; SPAN_KIND_CLIENT = 3;
    SPAN_KIND_PRODUCER = 4; SPAN_KIND_CONSUMER = 5;
  }
}

message ExportMetricsServiceRequest { repeated ResourceMetrics resource_metrics = 1; }
message ResourceMetrics { Resource resource = 1; repeated ScopeMetrics scope_metrics = 2; string schema_url = 3; }
message ScopeMetrics { InstrumentationScope scope = 1; repeated Metric metrics = 2; string schema_url = 3; }
message Metric { string name = 1; string description = 2; string unit = 3; oneof data { Histogram histogram = 9; } }
enum AggregationTemporality {
  AGGREGATION_TEMPORALITY_UNSPECIFIED = 0; AGGREGATION_TEMPORALITY_DELTA = 1; AGGREGATION_TEMPORALITY_CUMULATIVE = 2;
}
message Histogram {
  repeated HistogramDataPoint data_points = 1; AggregationTemporality aggregation_temporality = 2;
}
message HistogramDataPoint {
  fixed64 start_time_unix_nano = 2; fixed64 time_unix_nano = 3; fixed64 count = 4; optional double sum = 5;
  repeated fixed64 bucket_counts = 6; repeated double explicit_bounds = 7; repeated KeyValue attributes = 9;
  uint32 flags = 10; optional double min = 11; optional double max = 12;
}
`;

const { root } = protobuf.parse(MESSAGES);
const TYPES = { traces: 'ExportTraceServiceRequest', metrics: 'ExportMetricsServiceRequest' } as const;

export type OtlpSignal = keyof typeof TYPES;
export type Attributes = Readonly<Record<string, string | number | boolean>>;

export type DecodedSpan = {
	readonly service: string;
	readonly resource: Attributes;
	readonly traceId: string;
	readonly spanId: string;
	readonly parentSpanId: string;
	readonly traceState: string;
	readonly flags: number;
	readonly name: string;
	readonly kind: string;
	readonly startNs: bigint;
	readonly endNs: bigint;
	readonly attributes: Attributes;
	readonly status: string;
};

export type DecodedPoint = {
	readonly service: string;
	readonly metric: string;
	readonly unit: string;
	readonly temporality: string;
	readonly attributes: Attributes;
	readonly startNs: bigint;
	readonly timeNs: bigint;
	readonly count: number;
	readonly sum: number;
	readonly buckets: readonly number[];
	readonly bounds: readonly number[];
};

// biome-ignore lint/suspicious/noExplicitAny: the library's objects, whose members the messages above define
type Message = any;

/**
 * Decodes a request: JSON to a message, to bytes, and back. Throws if a member is not part of the protocol or has another
 * type.
 */
function decode(signal: OtlpSignal, json: unknown): Message {
	const type = root.lookupType(TYPES[signal]);
	const message = type.fromJson(withBase64Ids(json));
	const bytes = type.encode(message).finish();
	return type.toObject(type.decode(bytes), { longs: String, enums: String, defaults: true, arrays: true });
}

/** OTLP differs from the usual JSON of protocol buffers here: these three are in hexadecimal, not in base64. */
function withBase64Ids(json: unknown): unknown {
	if (Array.isArray(json)) return json.map(withBase64Ids);
	if (json === null || typeof json !== 'object') return json;
	return Object.fromEntries(
		Object.entries(json).map(([name, value]) => {
			if (!/^(traceId|spanId|parentSpanId)$/.test(name)) return [name, withBase64Ids(value)];
			if (typeof value !== 'string' || !/^([0-9a-f]{16}|[0-9a-f]{32})$/.test(value))
				throw new Error(`${name}: expected 16 or 32 hexadecimal digits, got ${JSON.stringify(value)}`);
			return [name, Buffer.from(value, 'hex').toString('base64')];
		}),
	);
}

/** Attributes as an object. Throws if a key occurs twice. */
function attributesOf(list: Message[]): Attributes {
	const pairs = list.map(({ key, value }): [string, string | number | boolean] => {
		const name: string = ['stringValue', 'boolValue', 'intValue'].find((each) => Object.hasOwn(value, each)) ?? '';
		return [key, name === 'intValue' ? Number(value[name]) : value[name]];
	});
	if (new Set(pairs.map(([key]) => key)).size !== pairs.length) throw new Error(`a key occurs twice: ${pairs}`);
	return Object.fromEntries(pairs);
}

export function decodeSpans(json: unknown): DecodedSpan[] {
	return decode('traces', json).resourceSpans.flatMap(({ resource, scopeSpans }: Message) => {
		const ofResource = attributesOf(resource.attributes);
		return scopeSpans.flatMap(({ spans }: Message) =>
			spans.map((span: Message) => ({
				service: ofResource['service.name'],
				resource: ofResource,
				traceId: Buffer.from(span.traceId).toString('hex'),
				spanId: Buffer.from(span.spanId).toString('hex'),
				parentSpanId: Buffer.from(span.parentSpanId).toString('hex'),
				traceState: span.traceState,
				flags: span.flags,
				name: span.name,
				kind: span.kind,
				startNs: BigInt(span.startTimeUnixNano),
				endNs: BigInt(span.endTimeUnixNano),
				attributes: attributesOf(span.attributes),
				status: span.status.code,
			})),
		);
	});
}

export function decodePoints(json: unknown): DecodedPoint[] {
	return decode('metrics', json).resourceMetrics.flatMap(({ resource, scopeMetrics }: Message) =>
		scopeMetrics.flatMap(({ metrics }: Message) =>
			metrics.flatMap(({ name, unit, histogram }: Message) =>
				histogram.dataPoints.map((point: Message) => ({
					service: attributesOf(resource.attributes)['service.name'],
					metric: name,
					unit,
					temporality: histogram.aggregationTemporality,
					attributes: attributesOf(point.attributes),
					startNs: BigInt(point.startTimeUnixNano),
					timeNs: BigInt(point.timeUnixNano),
					count: Number(point.count),
					sum: point.sum,
					buckets: point.bucketCounts.map(Number),
					bounds: point.explicitBounds,
				})),
			),
		),
	);
}
