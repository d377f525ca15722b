// node scripts/inline-decoder.mjs FILE: optimises the compiled decoder further, in place. The decoder's work consists
// of many small steps, so calls are a large part of its cost. This inlines far more than the compiler's own optimiser
// does.
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
// Inlining in one round shows the next one what can be removed.
for (let round = 0; round < 3; round++) module.optimize();
if (!module.validate()) throw new Error(`${file} is not a valid module any more`);
writeFileSync(file, module.emitBinary());
