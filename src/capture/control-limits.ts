// Generated from bpf/control.h by scripts/generate. Do not edit.
export const CONTROL_OWN_PIDS = 16;
export const CONTROL_NAMES = 8;
export const CONTROL_NAME_BYTES = 256;
export const CONTROL_PIDS = 1024;
export const CONTROL_CGROUPS = 8;
export const CONTROL_PORT_MAX = 65535;
export const CONTROL_PORT_WORDS = 2048;
export const CONTROL_IOVECS = 1024;
export const CONTROL_CAPTURE_LIMIT = 4194304;
export const CONTROL_RING_BYTES = 16777216;
