"""sendfile, splice, vmsplice and tee."""
import ctypes
import os
import select
import socket
import tempfile
import threading

from common import asked, body_file, buffer, checked, iovecs, libc, pair, pattern, receive, REQUEST, response, said, time_limit


def sendfile():
    """A head by write, then 51200 bytes by sendfile: with an offset, and from the file's position."""
    client, server = asked()
    with body_file(51200) as file:
        for offset in (0, None):
            server.sendall(response(51200))
            reader = threading.Thread(target=lambda: receive(client, len(response(51200)) + 51200))
            reader.start()
            left = 51200
            while left:
                left -= os.sendfile(server.fileno(), file.fileno(), offset, left)
                offset = None if offset is None else 51200 - left
            reader.join()


def sendfile_to_file():
    """sendfile between two files."""
    said["silent"] = 1
    with body_file(5000) as source, tempfile.TemporaryFile() as target:
        os.sendfile(target.fileno(), source.fileno(), 0, 5000)


def splice():
    """File → pipe → socket, and socket → pipe."""
    client, server = asked()
    incoming, outgoing = os.pipe()
    with body_file(8192) as file:
        server.sendall(response(8192))
        assert os.splice(file.fileno(), outgoing, 8192) == 8192
        assert os.splice(incoming, server.fileno(), 8192) == 8192
    receive(client, len(response(8192)))
    time_limit(client, 8192)
    left = 8192
    while left:
        moved = os.splice(client.fileno(), outgoing, left)
        os.read(incoming, moved)
        left -= moved


def vmsplice_and_tee():
    """Memory → pipe by vmsplice, pipe → pipe by tee, both pipes → sockets by splice."""
    first, second = asked(), asked()
    size = 8192
    one_in, one_out = os.pipe()
    two_in, two_out = os.pipe()
    for _, server in (first, second):
        server.sendall(response(size))
    body = buffer(pattern(size))
    libc.vmsplice.restype = libc.tee.restype = ctypes.c_ssize_t
    assert checked(libc.vmsplice(one_out, iovecs([body]), ctypes.c_size_t(1), 0)) == size
    assert checked(libc.tee(one_in, two_out, ctypes.c_size_t(size), 0)) == size
    for (client, server), pipe in ((first, one_in), (second, two_in)):
        assert os.splice(pipe, server.fileno(), size) == size
        receive(client, len(response(size)) + size)
    said.update(first=first[1].fileno(), second=second[1].fileno())


def sendfile_far():
    """sendfile of 2 GiB of a sparse file, more than one call can move, to a reader that discards it."""
    client, server = asked()
    size = 2 << 30
    server.sendall(response(size))
    receive(client, len(response(size)))
    libc.recv.restype = ctypes.c_ssize_t

    def discard():
        left = size
        while left:
            left -= checked(libc.recv(client.fileno(), None, ctypes.c_size_t(left), socket.MSG_TRUNC))

    reader = threading.Thread(target=discard)
    reader.start()
    said["most"] = left = 0
    with tempfile.TemporaryFile() as file:
        os.truncate(file.fileno(), size)
        while left < size:
            moved = os.sendfile(server.fileno(), file.fileno(), left, size - left)
            said["most"] = max(said["most"], moved)
            left += moved
    reader.join()


def sendfile_bodies():
    """Bodies sent wholly or partly by sendfile, one connection each, followed by one more exchange."""
    size = 300_000

    def begin(path):
        client, server = pair()
        client.sendall(REQUEST.replace(b"/path", path))
        receive(server, len(REQUEST) + len(path) - 5)
        reader = threading.Thread(target=lambda: drain(client))
        if path != b"/non-blocking":
            reader.start()
        return client, server, reader

    def drain(client):
        while client.recv(1 << 20):
            pass

    def finish(client, server, reader):
        client.sendall(REQUEST.replace(b"/path", b"/next"))
        receive(server, len(REQUEST))
        server.sendall(response(4) + b"next")
        server.shutdown(socket.SHUT_WR)
        reader.join()
        client.close()
        server.close()

    def send(server, file, offset, count):
        while count:
            moved = os.sendfile(server.fileno(), file.fileno(), offset, count)
            assert moved
            offset, count = offset + moved, count - moved

    with body_file(size) as file:
        client, server, reader = begin(b"/prefix")
        server.sendall(response(size) + pattern(512))
        send(server, file, 512, size - 512)
        finish(client, server, reader)

        client, server, reader = begin(b"/parts")
        server.sendall(response(2 * 1000 + 3 * 10))
        for offset in (0, 5000):
            server.sendall(b"-separate-")
            send(server, file, offset, 1000)
        server.sendall(b"-separate-")
        finish(client, server, reader)

        client, server, reader = begin(b"/chunked")
        server.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for count in (1000, 70_000):
            server.sendall(b"%x\r\n" % count)
            send(server, file, 0, count)
            server.sendall(b"\r\n")
        server.sendall(b"0\r\n\r\n")
        finish(client, server, reader)

        client, server, reader = begin(b"/non-blocking")
        server.setblocking(False)
        server.sendall(response(40 * size))
        said["refused"] = 0
        for _ in range(40):
            offset = 0
            while offset < size:
                try:
                    offset += os.sendfile(server.fileno(), file.fileno(), offset, size - offset)
                except BlockingIOError:
                    if not said["refused"]:
                        reader.start()
                    said["refused"] += 1
                    select.select([], [server], [])
        server.setblocking(True)
        finish(client, server, reader)

        with tempfile.TemporaryFile() as baked:
            baked.write(response(1000) + pattern(1000))
            baked.flush()
            client, server, reader = begin(b"/baked")
            send(server, baked, 0, baked.tell())
            finish(client, server, reader)

        client, server, reader = begin(b"/cut")
        server.sendall(response(size))
        send(server, file, 0, 100_000)
        os.truncate(file.fileno(), 100_000)
        said["end"] = os.sendfile(server.fileno(), file.fileno(), 100_000, size - 100_000)
        server.close()
        reader.join()
