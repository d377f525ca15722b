"""Descriptors and processes: duplicated, passed, inherited, closed, reused."""
import ctypes
import fcntl
import json
import os
import resource
import signal
import socket
import struct
import sys
import threading

from common import asked, buffer, checked, iovecs, libc, listener, messages, MultiMessage, pair, receive, REQUEST, response, said


def reused_descriptor():
    """A descriptor is closed and its number becomes another connection."""
    client, server = asked()
    second = listener()
    other = socket.socket()
    other.connect(second.getsockname())
    number = server.fileno()
    server.close()
    again, _ = second.accept()
    assert again.fileno() == number
    other.sendall(REQUEST.replace(b"path", b"next"))
    receive(again, len(REQUEST))


def file_then_connection():
    """A file's descriptor is read until it is known to be a file, then its number becomes a connection: by dup2, and
    by accept."""
    client, server = asked()
    number = os.open("/dev/zero", os.O_RDONLY)
    for _ in range(100):
        os.read(number, 1)
    os.dup2(server.fileno(), number)
    os.write(number, response(0))
    receive(client, len(response(0)))
    os.close(number)
    second = listener()
    other = socket.socket()
    other.connect(second.getsockname())
    number = os.open("/dev/zero", os.O_RDONLY)
    for _ in range(100):
        os.read(number, 1)
    os.close(number)
    again, _ = second.accept()
    assert again.fileno() == number
    said["again"] = number
    other.sendall(REQUEST.replace(b"path", b"next"))
    receive(again, len(REQUEST))


def dup_of_connection():
    """Read on one descriptor, answered on its duplicate after the first was closed."""
    client, server = asked()
    copy = os.dup(server.fileno())
    server.close()
    os.write(copy, response(0))
    receive(client, len(response(0)))
    os.close(copy)


def dup2_over():
    """dup2 of a second connection over the first one."""
    client, server = asked()
    other_client, other_server = pair()
    other_client.sendall(REQUEST)
    receive(other_server, len(REQUEST))
    said["number"] = server.fileno()
    os.dup2(other_server.fileno(), server.fileno())
    os.write(server.fileno(), response(0))


def duplicates():
    """dup3, F_DUPFD and F_DUPFD_CLOEXEC name the same connection."""
    client, server = asked()
    number = server.fileno()
    first = checked(libc.dup3(number, 50, 0))
    second = fcntl.fcntl(number, fcntl.F_DUPFD, 60)
    third = fcntl.fcntl(number, fcntl.F_DUPFD_CLOEXEC, 70)
    os.write(first, b"HTTP/1.1 200 OK\r\n")
    os.write(second, b"Content-Length: 0\r\n")
    os.write(third, b"\r\n")


def close_range():
    """close_range closes what is in the range."""
    client, server = asked()
    said["low"] = min(client.fileno(), server.fileno())
    checked(libc.close_range(said["low"], 0x7FFFFFFF, 0))


def forked():
    """The parent accepts and closes, the child answers."""
    listening = listener()
    client = socket.socket()
    client.connect(listening.getsockname())
    server, _ = listening.accept()
    said.update(client=client.fileno(), server=server.fileno())
    client.sendall(REQUEST)
    receive(server, len(REQUEST))
    ready, go = os.pipe()
    child = os.fork()
    if child == 0:
        os.read(ready, 1)
        os.write(server.fileno(), response(0))
        os._exit(0)
    said["child"] = child
    server.close()
    os.write(go, b"x")
    receive(client, len(response(0)))
    os.waitpid(child, 0)


def forked_before_reading():
    """The parent accepts, forks and closes before the child reads anything."""
    listening = listener()
    client = socket.socket()
    client.connect(listening.getsockname())
    server, _ = listening.accept()
    said.update(client=client.fileno(), server=server.fileno())
    ready, go = os.pipe()
    child = os.fork()
    if child == 0:
        os.read(ready, 1)
        receive(server, len(REQUEST))
        os.write(server.fileno(), response(0))
        os._exit(0)
    said["child"] = child
    server.close()
    client.sendall(REQUEST)
    os.write(go, b"x")
    receive(client, len(response(0)))
    os.waitpid(child, 0)


def passed():
    """A connection is accepted here and passed to a worker over a unix socket, 3 times."""
    listening = listener()
    left, right = socket.socketpair()
    child = os.fork()
    if child == 0:
        left.close()
        for _ in range(3):
            _, fds, _, _ = socket.recv_fds(right, 10, 1)
            server = socket.socket(fileno=fds[0])
            receive(server, len(REQUEST))
            server.sendall(response(0))
            server.close()
        os._exit(0)
    said["child"] = child
    for _ in range(3):
        client = socket.socket()
        client.connect(listening.getsockname())
        server, _ = listening.accept()
        socket.send_fds(left, [b"x"], [server.fileno()])
        server.close()
        client.sendall(REQUEST)
        receive(client, len(response(0)))
        client.close()
    os.waitpid(child, 0)


def passed_between():
    """Read here, passed to a worker while this process closes it, answered there; then the other way round."""
    left, right = socket.socketpair()
    ready, done = os.pipe()
    child = os.fork()
    if child == 0:
        # Not the first descriptor of the message.
        _, fds, _, _ = socket.recv_fds(right, 10, 4)
        os.write(fds[1], response(0))
        os.read(fds[1], 1000)
        socket.send_fds(right, [b"x"], [fds[1]])
        os.close(fds[1])
        os.write(done, b"x")
        os._exit(0)
    said["child"] = child
    client, server = asked()
    with open("/dev/null") as file:
        socket.send_fds(left, [b"x"], [file.fileno(), server.fileno()])
    server.close()
    receive(client, len(response(0)))
    client.sendall(REQUEST)
    os.read(ready, 1)
    _, fds, _, _ = socket.recv_fds(left, 10, 1)
    os.write(fds[0], response(0))
    receive(client, len(response(0)))
    os.close(fds[0])
    os.waitpid(child, 0)


def rights(fds):
    """A control message with descriptors, in a buffer."""
    return buffer(struct.pack(f"@NII{len(fds)}i", 16 + 4 * len(fds), socket.SOL_SOCKET, socket.SCM_RIGHTS, *fds) + bytes(8))


def passed_in_many():
    """Passed in the second message of one sendmmsg, closed, received by one recvmmsg, answered there."""
    left, right = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    ready, go = os.pipe()
    child = os.fork()
    messages = (MultiMessage * 2)()
    byte = buffer(b"x")
    keep = [iovecs([byte]) for _ in messages]
    for message, iov in zip(messages, keep):
        message.header.iov, message.header.iov_count = iov, 1
    if child == 0:
        os.read(ready, 1)
        room = [rights([0] * 4) for _ in messages]
        for message, control in zip(messages, room):
            message.header.control, message.header.control_length = ctypes.addressof(control), len(control)
        assert checked(libc.recvmmsg(right.fileno(), messages, 2, 0, None)) == 2
        fd = struct.unpack_from("i", room[1], 16)[0]
        os.write(fd, response(0))
        os.close(fd)
        os._exit(0)
    said["child"] = child
    client, server = asked()
    control = rights([server.fileno()])
    messages[1].header.control, messages[1].header.control_length = ctypes.addressof(control), 20
    assert checked(libc.sendmmsg(left.fileno(), messages, 2, 0)) == 2
    server.close()
    os.write(go, b"x")
    receive(client, len(response(0)))
    os.waitpid(child, 0)


def passed_later():
    """Passed and closed before the worker receives anything."""
    left, right = socket.socketpair()
    ready, go = os.pipe()
    child = os.fork()
    if child == 0:
        os.read(ready, 1)
        _, fds, _, _ = socket.recv_fds(right, 10, 4)
        os.write(fds[0], response(0))
        os.close(fds[0])
        os._exit(0)
    said["child"] = child
    client, server = asked()
    socket.send_fds(left, [b"x"], [server.fileno()])
    server.close()
    os.write(go, b"x")
    receive(client, len(response(0)))
    os.waitpid(child, 0)


def passed_to_nobody():
    """A message that carries a connection and that nobody receives."""
    client, server = asked()
    left, right = socket.socketpair()
    socket.send_fds(left, [b"x"], [server.fileno()])
    server.close()
    left.close()
    right.close()
    while client.recv(1000):
        pass


def fetched():
    """A worker fetches the connection with pidfd_getfd and answers, while this process keeps it."""
    ready, go = os.pipe()
    child = os.fork()
    if child == 0:
        number = int(os.read(ready, 10))
        process = checked(libc.syscall(434, os.getppid(), 0))
        copy = checked(libc.syscall(438, process, number, 0))
        os.write(copy, response(0))
        os._exit(0)
    said["child"] = child
    client, server = asked()
    os.write(go, b"%d" % server.fileno())
    receive(client, len(response(0)))
    os.waitpid(child, 0)
    client.sendall(REQUEST)
    receive(server, len(REQUEST))
    server.sendall(response(0))
    receive(client, len(response(0)))


def executed():
    """execve closes one connection and leaves the other, which the new program closes."""
    first_client, first_server = asked()
    second_client, second_server = pair()
    second_client.sendall(REQUEST)
    receive(second_server, len(REQUEST))
    said.update(first=first_server.fileno(), second=second_server.fileno())
    for sock in (first_client, second_client, second_server):
        os.set_inheritable(sock.fileno(), True)
    fcntl.fcntl(second_server.fileno(), fcntl.F_SETFD, 0)
    print(json.dumps(said), flush=True)
    os.execv("/bin/sh", ["sh", "-c", f"printf 'HTTP/1.1 204 x\\r\\n\\r\\n' >&{second_server.fileno()}"])


def killed():
    """kill -9 with an unanswered request."""
    child = os.fork()
    if child == 0:
        client, server = asked()
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)
    said.update(child=child, silent=1)


def high_descriptor():
    """The highest descriptor that the limit allows."""
    _, limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    client, server = pair()
    said["high"] = min(limit - 1, 150_000)
    os.dup2(server.fileno(), said["high"])
    server.close()
    client.sendall(REQUEST)
    os.read(said["high"], 1000)


def close_unknown():
    """close of a number that is not open."""
    client, server = asked()
    libc.close(9999)


def share_descriptors():
    """clone with CLONE_FILES alone: another process with the same table of descriptors. 0 in the child."""
    return checked(libc.syscall(56, 0x400 | signal.SIGCHLD, 0, 0, 0, 0))


def shared_table():
    """ARGUMENT: how the process that shares the descriptors stops sharing them: exit, exec or unshare."""
    listening = listener()
    clients = [socket.create_connection(listening.getsockname()) for _ in range(3)]
    told, tell = os.pipe()
    heard, answer = os.pipe()
    child = share_descriptors()
    if child == 0:
        # It accepts connections for the parent, and closes them later.
        for _ in range(2):
            number = listening.accept()[0].detach()
            os.write(answer, bytes([number]))
            os.read(told, 1)
            os.close(number)
            os.write(answer, b"\0")
            os.read(told, 1)
        number = listening.accept()[0].detach()
        os.write(answer, bytes([number]))
        if sys.argv[2] == "unshare":
            checked(libc.unshare(0x400))
            os.close(number)
        elif sys.argv[2] == "exec":
            os.execv("/bin/true", ["true"])
        os._exit(0)
    said["child"] = child
    numbers = []
    for turn, client in enumerate(clients):
        number = os.read(heard, 1)[0]
        numbers.append(number)
        if turn == 2:
            os.waitpid(child, 0)
        client.sendall(b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n" % turn)
        assert os.read(number, 1000).startswith(b"GET")
        os.write(number, response(0))
        assert client.recv(1000) == response(0)
        if turn < 2:
            os.write(tell, b"\0")
            os.read(heard, 1)
            assert client.recv(1) == b""
            os.write(tell, b"\0")
    said["reused"] = int(numbers[0] == numbers[1] == numbers[2])
    said["server"] = numbers[0]
    os.close(numbers[2])
    assert clients[2].recv(1) == b""


def rapid_reuse():
    """Two threads open, use and close connections as fast as they can, so that numbers are constantly reused."""
    listening = listener()
    rounds = 1000

    def work(which):
        for i in range(rounds):
            client = socket.create_connection(listening.getsockname())
            client.sendall(b"GET /%d/%05d HTTP/1.1\r\n\r\n" % (which, i))
            server, _ = listening.accept()
            if i % 2:
                copy = os.dup(server.fileno())
                server.close()
                server = socket.socket(fileno=copy)
            said_by = server.recv(1000)
            server.sendall(b"HTTP/1.1 200 OK\r\nX: " + said_by.split()[1] + b"\r\n\r\n")
            server.close()
            client.recv(1000)
            client.close()

    threads = [threading.Thread(target=work, args=(which,)) for which in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    said["connections"] = 2 * rounds


def inetd():
    """Accepts, forks, moves the connection to descriptor 0 and executes a program that answers."""
    listening = listener()
    client = socket.create_connection(listening.getsockname())
    server, _ = listening.accept()
    said.update(client=client.fileno(), server=server.fileno())
    client.sendall(REQUEST)
    ready, go = os.pipe()
    child = os.fork()
    if child == 0:
        os.read(ready, 1)
        os.dup2(server.fileno(), 0)
        os.execv("/bin/sh", ["sh", "-c", "read line <&0; printf 'HTTP/1.1 204 x\\r\\n\\r\\n' >&0"])
    said["child"] = child
    server.close()
    os.write(go, b"x")
    receive(client, 18)
    os.waitpid(child, 0)


def same_pid():
    """Two processes with the same id in turn, each sending a request over the same descriptor number."""
    numbers = []
    for round in range(2):
        for attempt in range(200):
            if numbers:
                with open("/proc/sys/kernel/ns_last_pid", "w") as file:
                    file.write(str(numbers[0] - 1))
            child = os.fork()
            if child == 0:
                # Only the child with the wanted id does anything.
                if not numbers or os.getpid() == numbers[0]:
                    client, server = pair()
                    client.sendall(REQUEST.replace(b"path", b"round%d" % round))
                    receive(server, len(REQUEST) + 2)
                    # Ends with the connections still open.
                    os.kill(os.getpid(), signal.SIGKILL)
                os._exit(0)
            os.waitpid(child, 0)
            if not numbers or child == numbers[0]:
                numbers.append(child)
                break
    said.update(silent=1, first=numbers[0], second=numbers[1])
