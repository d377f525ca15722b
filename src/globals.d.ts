// Lets TypeScript import the constants that AssemblyScript compiles (decoder-as/assembly/output-layout.ts).
declare type i32 = number;
