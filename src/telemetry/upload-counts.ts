// What has become of spans and of requests to a collector.

export type Signal = 'traces' | 'metrics';

export type UploadCounts = {
	readonly spans: { sent: number; rejected: number; dropped: number; unsampled: number };
	readonly requests: Readonly<Record<Signal, { accepted: number; repeated: number; failed: number }>>;
};

export function newUploadCounts(): UploadCounts {
	const requests = () => ({ accepted: 0, repeated: 0, failed: 0 });
	return {
		spans: { sent: 0, rejected: 0, dropped: 0, unsampled: 0 },
		requests: { traces: requests(), metrics: requests() },
	};
}
