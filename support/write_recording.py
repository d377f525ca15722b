# Writes a recording of three exchanges, using only docs/recording-format.md and docs/event-schema.md.
import socket
import struct
import sys

MARK = 0x5EED5EED
BOOT_NS, WALL_NS = 5_000_000_000, 1_700_000_000_000_000_000


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def frame(kind, payload):
    check = crc32c(struct.pack("<I", kind) + payload)
    return struct.pack("<4I", len(payload), kind, check, MARK) + payload


def record(kind, payload=b"", syscall=0, direction=0, role=0, pid=0, fd=-1, time_ns=BOOT_NS, conn=0, offset=0, comm=b""):
    moved = len(payload) if kind == 1 else 0
    members = struct.pack(
        "<I4B4Ii5I3Q16s",
        88 + len(payload), 1, kind, syscall, direction,
        0, role, pid, pid, fd,
        moved, 0, moved, len(payload), 0,
        time_ns, conn, offset, comm,
    )
    return members + payload + bytes(-len(payload) % 8)


def address(ip, port):
    return struct.pack("<H", 2) + struct.pack(">H", port) + socket.inet_aton(ip) + bytes(20)


targets = [b"/made?by=python", b"/second", b"/third"]
requests = [b"GET " + target + b" HTTP/1.1\r\nHost: elsewhere\r\n\r\n" for target in targets]
response = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello"
of = {"role": 1, "pid": 77, "fd": 4, "conn": 1, "comm": b"maker"}
ms = 1_000_000
records = [
    record(34, time_ns=BOOT_NS, offset=WALL_NS),
    record(2, address("10.0.0.2", 40000) + address("10.0.0.1", 80), syscall=20, time_ns=BOOT_NS + ms, **of),
    record(33, b"maker\0/a/cgroup\0maker\x1f--serve\0/usr/bin/maker", pid=77, time_ns=BOOT_NS + ms),
]
received = sent = 0
for i, request in enumerate(requests):
    begin = BOOT_NS + (2 + 10 * i) * ms
    records.append(record(1, request, syscall=1, direction=1, time_ns=begin, offset=received, **of))
    records.append(record(1, response, syscall=8, direction=2, time_ns=begin + 3 * ms, offset=sent, **of))
    received += len(request)
    sent += len(response)
records.append(record(3, syscall=24, time_ns=BOOT_NS + 40 * ms, **of))
records.append(record(36, time_ns=BOOT_NS + 41 * ms))
with open(sys.argv[1], "wb") as file:
    file.write(b"tinytap\n" + struct.pack("<2I", 2, MARK))
    file.write(frame(1, b'{"host": "elsewhere", "body_limit": 4}'))
    file.write(frame(2, b"".join(records)))
    file.write(frame(3, b""))
