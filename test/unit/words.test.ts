import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ANOMALY_DESCRIPTIONS } from '../../src/decode/anomaly-descriptions.ts';
import { ANOMALIES } from '../../src/decode/words.ts';

test('every word of the column anomalies is explained', () => {
	assert.equal(ANOMALY_DESCRIPTIONS.length, ANOMALIES.filter((word) => word !== null).length);
	for (const [word, meaning] of ANOMALY_DESCRIPTIONS) assert.ok(meaning.length > 10, word);
});
