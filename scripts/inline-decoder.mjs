// node scripts/inline-decoder.mjs FILE: optimises the compiled decoder further, in place. Its work is many small steps, so that
// calls are a good part of it: far more is inlined than the compiler's own optimiser would.
import { readFileSync, writeFileSync } from 'node:fs';
import binaryen from 'assemblyscript/binaryen';

const file = process.argv[2];
const module = binaryen.readBinary(readFileSync(file));
const { BulkMemory, BulkMemoryOpt, MutableGlobals, NontrappingFPToInt, SIMD128, SignExt } = binaryen.Features;
module.setFeatures(BulkMemory | BulkMemoryOpt | MutableGlobals | NontrappingFPToInt | SIMD128 | SignExt);
binaryen.setOptimizeLevel(4);
binaryen.setShrinkLevel(0);
binaryen.setAlwaysInlineMaxSize(80);
binaryen.setFlexibleInlineMaxSize(250);
binaryen.setOneCallerInlineMaxSize(2000);
// What one round inlines shows the next what can go.
for (let round = 0; round < 3; round++) module.optimize();
if (!module.validate()) throw new Error(`${file} is not a valid module any more`);
writeFileSync(file, module.emitBinary());
