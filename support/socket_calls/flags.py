"""Flags of recv and send, and how a connection ends."""
import ctypes
import errno
import os
import select
import socket
import struct

from common import asked, checked, iovecs, libc, listener, messages, MultiMessage, pair, pattern, receive, REQUEST, response, said, time_limit


def peek():
    """MSG_PEEK with recv, recvmsg and recvmmsg, then a real recv."""
    client, server = asked()
    server.sendall(response(0))
    size = len(response(0))
    time_limit(client, size)
    client.recvmsg(size, 0, socket.MSG_PEEK)
    room = ctypes.create_string_buffer(size)
    messages = (MultiMessage * 1)()
    iov = iovecs([room])
    messages[0].header.iov, messages[0].header.iov_count = iov, 1
    checked(libc.recvmmsg(client.fileno(), messages, 1, socket.MSG_PEEK, None))
    receive(client, size)


def truncate():
    """recv(MSG_TRUNC) with a NULL buffer discards 100 bytes of a body; then a second exchange."""
    client, server = asked()
    server.sendall(response(300) + pattern(300))
    receive(client, len(response(300)))
    time_limit(client, 300)
    said["discarded"] = checked(libc.recv(client.fileno(), None, 100, socket.MSG_TRUNC))
    receive(client, 200)


def urgent():
    """An urgent byte between head and body."""
    client, server = asked()
    server.sendall(response(4))
    server.send(b"!", socket.MSG_OOB)
    server.sendall(b"body")
    receive(client, len(response(4)))
    while True:
        try:
            said["urgent"] = len(client.recv(1, socket.MSG_OOB))
            break
        except OSError as error:
            if error.errno not in (errno.EINVAL, errno.EAGAIN):
                raise
    receive(client, 4)


def urgent_with_data():
    """send(MSG_OOB) of 6 bytes: 5 in the stream, the last one urgent."""
    client, server = asked()
    server.sendall(response(5))
    said["sent"] = server.send(b"hello!", socket.MSG_OOB)
    receive(client, len(response(5)) + 5)


def error_queue():
    """Zero-copy sends, whose completions arrive on the error queue."""
    client, server = asked()
    so_zerocopy, msg_zerocopy, msg_errqueue = 60, 0x4000000, 0x2000
    server.setsockopt(socket.SOL_SOCKET, so_zerocopy, 1)
    server.send(response(20000) + pattern(20000), msg_zerocopy)
    receive(client, len(response(20000)) + 20000)
    poller = select.poll()
    poller.register(server, select.POLLERR)
    poller.poll()
    server.recvmsg(100, 200, msg_errqueue)


def fast_open():
    """sendto with MSG_FASTOPEN connects and sends in one call."""
    listening = listener()
    listening.setsockopt(socket.IPPROTO_TCP, 23, 5)
    client = socket.socket()
    client.sendto(REQUEST, 0x20000000, listening.getsockname())
    server, _ = listening.accept()
    said.update(client=client.fileno(), server=server.fileno(), port=listening.getsockname()[1])
    receive(server, len(REQUEST))


def more_to_come():
    """MSG_MORE keeps the head in the kernel although the program has written it."""
    client, server = asked()
    server.send(response(4), socket.MSG_MORE)
    server.send(b"body")
    receive(client, len(response(4)) + 4)


def byte_by_byte():
    """A request written and read one byte per call."""
    client, server = pair()
    for i in range(len(REQUEST)):
        os.write(client.fileno(), REQUEST[i : i + 1])
        os.read(server.fileno(), 1)


def end_of_stream():
    """The server shuts down its half; the client reads the end twice."""
    client, server = asked()
    server.sendall(b"HTTP/1.0 200 OK\r\n\r\nbody")
    server.shutdown(socket.SHUT_WR)
    receive(client, 23)
    for _ in range(2):
        assert os.read(client.fileno(), 100) == b""
    os.readv(client.fileno(), [bytearray(0)])


def reset():
    """The peer resets; reading gives ECONNRESET, writing EPIPE."""
    client, server = asked()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()
    for attempt in (lambda: server.recv(10), lambda: server.send(b"x")):
        try:
            attempt()
        except OSError as error:
            said[errno.errorcode[error.errno]] = 1
