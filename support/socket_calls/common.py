"""What the scenarios share: calls by number, connected pairs, recognizable bytes. `said` is printed at the end."""
import ctypes
import os
import socket
import tempfile

REQUEST = b"GET /path HTTP/1.1\r\nHost: test\r\n\r\n"
libc = ctypes.CDLL(None, use_errno=True)
said = {}


class Iovec(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("length", ctypes.c_size_t)]


class Message(ctypes.Structure):
    _fields_ = [
        ("name", ctypes.c_void_p), ("name_length", ctypes.c_uint), ("iov", ctypes.POINTER(Iovec)), ("iov_count", ctypes.c_size_t),
        ("control", ctypes.c_void_p), ("control_length", ctypes.c_size_t), ("flags", ctypes.c_int),
    ]


class MultiMessage(ctypes.Structure):
    _fields_ = [("header", Message), ("length", ctypes.c_uint)]


def iovecs(buffers):
    """A struct iovec array; an entry is a ctypes buffer or a pair (address, length)."""
    pairs = [each if isinstance(each, tuple) else (ctypes.addressof(each), len(each)) for each in buffers]
    return (Iovec * len(pairs))(*[Iovec(base, length) for base, length in pairs])


def buffer(data):
    return (ctypes.c_char * len(data)).from_buffer_copy(data)


def pattern(size):
    """Bytes that encode their own position."""
    return bytes((i * 7 + (i >> 8)) & 0xFF for i in range(size))


def listener(family=socket.AF_INET, address=("127.0.0.1", 0)):
    server = socket.socket(family, socket.SOCK_STREAM)
    server.bind(address)
    server.listen(16)
    return server


def pair(family=socket.AF_INET, address=("127.0.0.1", 0)):
    """(client, server), connected; records their descriptors in `said`."""
    listening = listener(family, address)
    client = socket.socket(family, socket.SOCK_STREAM)
    client.connect(listening.getsockname())
    server, _ = listening.accept()
    listening.close()
    said.update(client=client.fileno(), server=server.fileno())
    return client, server


def receive(sock, size):
    data = b""
    while len(data) < size:
        piece = sock.recv(size - len(data))
        assert piece
        data += piece
    return data


def response(size):
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size


def asked():
    """A pair that has carried one request."""
    client, server = pair()
    client.sendall(REQUEST)
    receive(server, len(REQUEST))
    return client, server


def checked(result):
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def time_limit(sock, size):
    """Waits until `size` bytes are ready."""
    while len(sock.recv(size, socket.MSG_PEEK)) < size:
        pass


def messages():
    """sendmsg and recvmsg with two buffers each."""
    client, server = pair()
    client.sendmsg([REQUEST[:5], REQUEST[5:]])
    room = [bytearray(8), bytearray(200)]
    said["read"] = server.recvmsg_into(room)[0]


def body_file(size):
    file = tempfile.TemporaryFile()
    file.write(pattern(size))
    file.flush()
    file.seek(0)
    return file
