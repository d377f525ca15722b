"""Descriptors and connections that carry no HTTP."""
import json
import os
import socket
import sys
import tempfile

from common import libc, listener, pair, receive, REQUEST, said


def datagrams():
    """HTTP over UDP (SSDP) and over datagram pairs."""
    said["silent"] = 1
    one, two = socket.socket(type=socket.SOCK_DGRAM), socket.socket(type=socket.SOCK_DGRAM)
    two.bind(("127.0.0.1", 0))
    one.connect(two.getsockname())
    one.send(b"NOTIFY * HTTP/1.1\r\n\r\n")
    two.recv(100)
    one, two = socket.socketpair(type=socket.SOCK_DGRAM)
    one.send(REQUEST)
    two.recv(100)


def foreign():
    """Something that is not HTTP, then HTTP on the same connection."""
    client, server = pair()
    client.sendall(b"\x00\x01binary")
    receive(server, 8)
    client.sendall(REQUEST)
    receive(server, len(REQUEST))


def never_http():
    """SMTP."""
    said["silent"] = 1
    client, server = pair()
    for line in (b"EHLO host\r\n", b"MAIL FROM:<a@b>\r\n", b"QUIT\r\n"):
        client.sendall(line)
        receive(server, len(line))


def close_unknown_only():
    """close of numbers that are not open."""
    said["silent"] = 1
    for number in (9999, 70000, -1):
        libc.close(number)


def spoken():
    """ARGUMENT, JSON: for each connection the pieces that the client sends and those that the server answers, in
    hex."""
    conversations = json.loads(sys.argv[2])
    listening = listener()
    keep = []
    for number, (pieces, answers) in enumerate(conversations):
        client = socket.create_connection(listening.getsockname())
        server, _ = listening.accept()
        keep.append((client, server))
        said.update({f"client{number}": client.fileno(), f"server{number}": server.fileno()})
        for piece in pieces:
            client.sendall(bytes.fromhex(piece))
            receive(server, len(piece) // 2)
        for answer in answers:
            server.sendall(bytes.fromhex(answer))
            receive(client, len(answer) // 2)


def spoken_silently():
    """The same, for protocols that tinytap does not decode."""
    spoken()
    said["silent"] = 1


def tls_hello():
    """A client's hello in two calls, another record of the handshake, and application data that begins like HTTP."""
    client, server = pair()
    hello = b"\x16\x03\x01\x00\x2e\x01\x00\x00\x2a\x03\x03" + bytes(40)
    data = b"\x17\x03\x03\x00\x20" + bytes(32)
    for part in (hello[:20], hello[20:], b"\x14\x03\x03\x00\x01\x01", data, REQUEST, data):
        client.sendall(part)
        receive(server, len(part))


def files():
    """A file of HTTP text, written and read through a fresh descriptor; with an ARGUMENT, records are expected."""
    if len(sys.argv) < 3:
        said["silent"] = 1
    keep = [tempfile.TemporaryFile() for _ in range(20)]
    with tempfile.TemporaryFile() as file:
        os.write(file.fileno(), REQUEST)
        os.lseek(file.fileno(), 0, 0)
        os.read(file.fileno(), 1000)
        said["file"] = file.fileno()
