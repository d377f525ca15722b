"""How the two ends are connected, and who uses them."""
import errno
import fcntl
import os
import select
import socket
import struct
import sys
import tempfile
import threading
import time

from common import asked, body_file, checked, libc, listener, pair, pattern, receive, REQUEST, response, said


def pairs():
    """socketpair, accept without flags, unix sockets."""
    one, two = socket.socketpair()
    said.update(one=one.fileno(), two=two.fileno())
    one.sendall(REQUEST)
    receive(two, len(REQUEST))
    path = os.path.join(tempfile.mkdtemp(), "sock")
    client, server = pair(socket.AF_UNIX, path)
    client.sendall(REQUEST)
    receive(server, len(REQUEST))
    os.unlink(path)


def exchange(client, server):
    client.sendall(REQUEST)
    receive(server, len(REQUEST))
    server.sendall(response(0))
    receive(client, len(response(0)))


def both_ends():
    """ARGUMENT: how the two ends of an exchange are connected."""
    directory = tempfile.mkdtemp()
    path = os.path.join(directory, "sock")
    kind = sys.argv[2]
    if kind == "socketpair":
        exchange(*socket.socketpair())
    elif kind in ("path", "abstract"):
        exchange(*pair(socket.AF_UNIX, path if kind == "path" else "\0tinytap-" + str(os.getpid())))
    elif kind == "many":
        listening = listener(socket.AF_UNIX, path)
        clients = [socket.socket(socket.AF_UNIX) for _ in range(7)]
        for client in clients:
            client.connect(path)
        for client in reversed(clients):
            client.sendall(REQUEST)
        for client in clients:
            server, _ = listening.accept()
            receive(server, len(REQUEST))
            server.sendall(response(0))
            receive(client, len(response(0)))
            server.close()
            client.close()
    elif kind == "bound":
        listening = listener(socket.AF_UNIX, path)
        client = socket.socket(socket.AF_UNIX)
        client.bind(path + "-client")
        client.connect(path)
        exchange(client, listening.accept()[0])
    else:
        listening = socket.socket(socket.AF_INET6)
        listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        listening.bind(("::", 0))
        listening.listen()
        family, address = {"v4": (socket.AF_INET, "127.0.0.1"), "mapped": (socket.AF_INET6, "::ffff:127.0.0.1"), "v6": (socket.AF_INET6, "::1")}[kind]
        client = socket.socket(family)
        client.connect((address, listening.getsockname()[1]))
        exchange(client, listening.accept()[0])


def accept_plain():
    """accept (not accept4) with NULL for the address."""
    listening = listener()
    client = socket.socket()
    client.connect(listening.getsockname())
    server = checked(libc.accept(listening.fileno(), None, None))
    said.update(client=client.fileno(), server=server, port=client.getsockname()[1], listening=listening.getsockname()[1])
    client.sendall(REQUEST)
    os.read(server, 1000)


def connect_later():
    """A non-blocking connect, and one that is refused."""
    listening = listener()
    client = socket.socket()
    client.setblocking(False)
    said["in_progress"] = client.connect_ex(listening.getsockname())
    server, _ = listening.accept()
    select.select([], [client], [])
    said.update(client=client.fileno(), server=server.fileno(), port=client.getsockname()[1], listening=listening.getsockname()[1])
    client.send(REQUEST)
    receive(server, len(REQUEST))
    refused = socket.socket()
    listening.close()
    said["refused"] = refused.connect_ex(("127.0.0.1", said["listening"]))


def six():
    """IPv6."""
    client, server = pair(socket.AF_INET6, ("::1", 0))
    said["port"] = client.getsockname()[1]
    client.sendall(REQUEST)
    receive(server, len(REQUEST))


def two_threads():
    """One thread sends the head, another the body by sendfile."""
    client, server = asked()
    server.sendall(response(1000))
    with body_file(1000) as file:
        other = threading.Thread(target=lambda: said.update(tid=threading.get_native_id(), sent=os.sendfile(server.fileno(), file.fileno(), 0, 1000)))
        other.start()
        other.join()
    receive(client, len(response(1000)) + 1000)


def two_writers():
    """Two threads write responses to one socket."""
    client, server = asked()

    def work():
        for i in range(200):
            os.write(server.fileno(), response(100) + pattern(100))

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    receive(client, 400 * (len(response(100)) + 100))
    for thread in threads:
        thread.join()


def late_read():
    """A thread is blocked in recv while another one closes the descriptor. Bytes that it still receives must not
    begin a new connection."""
    client, server = pair()
    client.sendall(REQUEST)
    receive(server, len(REQUEST))
    got = []
    number = server.fileno()
    reader = threading.Thread(target=lambda: got.append(os.read(number, 1000)))
    reader.start()
    # Wait until the kernel reports it inside read.
    while True:
        with open(f"/proc/self/task/{reader.native_id}/syscall") as file:
            if file.read().startswith("0 "):
                break
    server.detach()
    os.close(number)
    client.sendall(REQUEST)
    reader.join()
    said["read"] = len(got[0])


def network_namespaces():
    """The same addresses and ports at the same time in two network namespaces."""
    children = []
    turns = [os.pipe() for _ in range(4)]

    def wait(turn):
        os.read(turns[turn][0], 1)

    def go(turn):
        os.write(turns[turn][1], b"x")

    for which in range(2):
        child = os.fork()
        if child == 0:
            assert libc.unshare(0x40000000) == 0
            # SIOCSIFFLAGS: lo is up.
            fcntl.ioctl(socket.socket(), 0x8914, struct.pack("16sH14x", b"lo", 1))
            listening = listener(address=("127.0.0.1", 8080))
            client = socket.socket()
            client.bind(("127.0.0.1", 9090))
            client.connect(listening.getsockname())
            server, _ = listening.accept()
            go(which)
            wait(2 + which)
            client.sendall(REQUEST.replace(b"path", b"space%d" % which))
            receive(server, len(REQUEST) + 2)
            server.sendall(response(6 + which) + b"answer!"[: 6 + which])
            receive(client, len(response(6 + which)) + 6 + which)
            go(which)
            wait(2 + which)
            os._exit(0)
        children.append(child)
    # Both are connected before either sends, and both have sent before either ends.
    for _ in range(2):
        for turn in range(2):
            wait(turn)
        for turn in range(2):
            go(2 + turn)
    for child in children:
        os.waitpid(child, 0)
    said.update(silent=1, first=children[0], second=children[1])


def link_local():
    """A link-local address, which includes the interface, on the loopback of a network namespace."""
    assert libc.unshare(0x40000000) == 0
    # SIOCSIFFLAGS, and SIOCSIFADDR with a struct in6_ifreq.
    fcntl.ioctl(socket.socket(), 0x8914, struct.pack("16sH14x", b"lo", 1))
    address = socket.inet_pton(socket.AF_INET6, "fe80::1")
    fcntl.ioctl(socket.socket(socket.AF_INET6), 0x8916, address + struct.pack("Ii", 64, 1))
    deadline = time.monotonic() + 60
    while True:
        try:
            client, server = pair(socket.AF_INET6, ("fe80::1", 0, 0, 1))
            break
        except OSError as error:
            # The kernel makes a new address usable in the background.
            if error.errno != errno.EADDRNOTAVAIL or time.monotonic() > deadline:
                raise
            os.sched_yield()
    client.sendall(REQUEST)
    receive(server, len(REQUEST))


def many_idle():
    """ARGUMENT idle connections, then one connection that is used."""
    listening = listener()
    keep = []
    for _ in range(int(sys.argv[2])):
        client = socket.create_connection(listening.getsockname())
        keep.append((client, listening.accept()[0]))
    for ends in keep:
        for end in ends:
            end.close()
    client, server = pair()
    client.sendall(REQUEST)
    receive(server, len(REQUEST))


def multipath():
    """MPTCP."""
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262)
    listening.bind(("127.0.0.1", 0))
    listening.listen()
    client = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262)
    client.connect(listening.getsockname())
    server, _ = listening.accept()
    said.update(client=client.fileno(), server=server.fileno(), port=client.getsockname()[1])
    client.sendall(REQUEST)
    receive(server, len(REQUEST))
