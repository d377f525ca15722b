"""Moves HTTP bytes with one particular system call, for the tests of the capture: run.py SCENARIO [ARGUMENT…].

Each public function of the modules below is a scenario. Client and server are two sockets of this one process, connected
over loopback unless the scenario says otherwise. What a test needs to know (descriptor numbers, return values of calls)
is printed as one JSON object at the end.
"""
import json
import sys

sys.dont_write_bytecode = True

import common
import connections
import data
import descriptors
import file_bodies
import flags
import not_http
import unseen

MODULES = (connections, data, descriptors, file_bodies, flags, not_http, unseen)

name = sys.argv[1] if len(sys.argv) > 1 else ""
scenario = next((getattr(module, name) for module in MODULES if hasattr(module, name)), None)
if scenario is None:
    sys.exit(f"socket_calls: no scenario {name!r}")
scenario()
print(json.dumps(common.said), flush=True)
