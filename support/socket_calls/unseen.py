"""Bytes that no call shows: io_uring and Linux AIO."""
import ctypes
import mmap
import os
import socket
import struct
import sys
import tempfile
import time

from common import buffer, checked, libc, listener, pair, receive, response, said


class Ring:
    """io_uring, one request at a time."""

    SEND, RECV, ACCEPT, CLOSE = 26, 27, 13, 19

    def __init__(self):
        parameters = bytearray(120)
        self.fd = checked(libc.syscall(425, 4, (ctypes.c_char * 120).from_buffer(parameters)))
        words = struct.unpack("30I", parameters)
        sq, cq = words[10:18], words[20:28]
        self.sq = mmap.mmap(self.fd, sq[6] + words[0] * 4, offset=0)
        self.cq = mmap.mmap(self.fd, cq[5] + words[1] * 16, offset=0x8000000)
        self.entries = mmap.mmap(self.fd, words[0] * 64, offset=0x10000000)
        self.sq_tail, self.sq_mask, self.sq_array = sq[1], words[0] - 1, sq[6]
        self.cq_head, self.cq_mask, self.cqes = cq[0], words[1] - 1, cq[5]

    def do(self, operation, fd, address=0, length=0):
        (tail,) = struct.unpack_from("I", self.sq, self.sq_tail)
        index = tail & self.sq_mask
        struct.pack_into("BBHiQQIIQ24x", self.entries, index * 64, operation, 0, 0, fd, 0, address, length, 0, 0)
        struct.pack_into("I", self.sq, self.sq_array + index * 4, index)
        struct.pack_into("I", self.sq, self.sq_tail, tail + 1)
        checked(libc.syscall(426, self.fd, 1, 1, 1, None, 0))
        (head,) = struct.unpack_from("I", self.cq, self.cq_head)
        (result,) = struct.unpack_from("i", self.cq, self.cqes + (head & self.cq_mask) * 16 + 8)
        struct.pack_into("I", self.cq, self.cq_head, head + 1)
        assert result >= 0, os.strerror(-result)
        return result

    def send(self, sock, data):
        kept = buffer(data)
        assert self.do(self.SEND, sock.fileno(), ctypes.addressof(kept), len(data)) == len(data)

    def receive(self, sock, size):
        into = ctypes.create_string_buffer(size)
        assert self.do(self.RECV, sock.fileno(), ctypes.addressof(into), size) == size


class Aio:
    """Linux AIO, also one request at a time. In the same call and before it, `files` requests read a file."""

    def __init__(self, files=0):
        self.context = ctypes.c_ulong()
        self.files = files
        self.file = open("/dev/zero", "rb")
        checked(libc.syscall(206, files + 1, ctypes.byref(self.context)))

    def do(self, operation, sock, memory, size):
        def block(operation, fd):
            return buffer(struct.pack("QQHhiQQqQII", 0, 0, operation, 0, fd, ctypes.addressof(memory), size, 0, 0, 0, 0))

        count = self.files + 1
        requests = [block(0, self.file.fileno()) for _ in range(self.files)] + [block(operation, sock.fileno())]
        blocks = (ctypes.c_void_p * count)(*(ctypes.addressof(request) for request in requests))
        events = (ctypes.c_longlong * (4 * count))()
        assert checked(libc.syscall(209, self.context, count, blocks)) == count
        assert checked(libc.syscall(208, self.context, ctypes.c_long(count), ctypes.c_long(count), events, None)) == count
        assert set(events[2::4]) == {size}, events[2::4]

    def send(self, sock, data):
        self.do(1, sock, buffer(data), len(data))

    def receive(self, sock, size):
        self.do(0, sock, ctypes.create_string_buffer(size), size)


class Calls:
    def send(self, sock, data):
        sock.sendall(data)

    def receive(self, sock, size):
        receive(sock, size)


def unseen():
    """ARGUMENTS: uring or aio; what the server moves that way in two exchanges. The first is answered 201, the
    second 202."""
    hidden, calls = {"uring": Ring, "aio": Aio}[sys.argv[2]](), Calls()
    case = sys.argv[3]
    said["unseen"] = 1
    client, server = pair()
    for number in (1, 2):
        request = b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n" % number
        head = b"HTTP/1.1 20%d OK\r\nContent-Length: 1000\r\n\r\n" % number
        client.sendall(request)
        (hidden if number == 1 and case == "request" else calls).receive(server, len(request))
        if number == 1 and case in ("response", "last"):
            hidden.send(server, head + bytes(1000))
        elif number == 1 and case == "body":
            server.sendall(head + bytes(300))
            hidden.send(server, bytes(400))
            server.sendall(bytes(300))
        elif number == 1 and case == "head":
            server.sendall(head[:20])
            hidden.send(server, head[20:30])
            server.sendall(head[30:] + bytes(1000))
        else:
            server.sendall(head + bytes(1000))
        receive(client, len(head) + 1000)
        if case == "last":
            break
    server.close()
    assert client.recv(1) == b""


def unseen_uncounted():
    """ARGUMENTS: pair or path, a unix socket; what of the first exchange moves by AIO, and at which end; how many
    requests precede it in its io_submit. Pauses precede the last two exchanges."""
    kind, case, files = sys.argv[2:5]
    hidden, calls = Aio(int(files)), Calls()
    said["unseen"] = 1
    path = os.path.join(tempfile.mkdtemp(), "sock")
    client, server = socket.socketpair() if kind == "pair" else pair(socket.AF_UNIX, path)
    for number in (1, 2, 3, 4):
        by = lambda step: hidden if number == 1 and case == step else calls
        request = b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n" % number
        head = b"HTTP/1.1 20%d OK\r\nContent-Length: 1000\r\n\r\n" % number
        if number > 2:
            time.sleep(0.5)
        by("asks").send(client, request)
        by("hears").receive(server, len(request))
        by("begins").send(server, head)
        by("answers").send(server, bytes(1000))
        for length in (len(head), 1000):
            by("takes").receive(client, length)
    server.close()
    assert client.recv(1) == b""


def unseen_reuse():
    """io_uring closes a descriptor and accepts another connection under the same number."""
    ring = Ring()
    listening = listener()
    said["unseen"] = 1
    first, second = (socket.create_connection(listening.getsockname()) for _ in range(2))
    number = listening.accept()[0].detach()
    for client, path in ((first, b"/first"), (second, b"/second")):
        client.sendall(b"GET %s HTTP/1.1\r\nHost: a\r\n\r\n" % path)
        assert os.read(number, 1000).startswith(b"GET " + path)
        os.write(number, response(0) if client is second else b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        client.recv(1000)
        if client is first:
            ring.do(Ring.CLOSE, number)
            assert ring.do(Ring.ACCEPT, listening.fileno()) == number
