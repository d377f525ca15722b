"""How bytes move: iovecs, positions, sizes, interruptions."""
import ctypes
import mmap
import os
import select
import signal
import socket
import sys
import tempfile
import threading
import time

from common import asked, buffer, checked, iovecs, libc, messages, MultiMessage, pair, pattern, receive, REQUEST, response, said, time_limit


def writev_readv():
    """One writev gathers head and body; readv scatters them into more room than there is data."""
    client, server = asked()
    body = pattern(1000)
    said["written"] = os.writev(server.fileno(), [response(len(body)), body])
    into = [bytearray(10), bytearray(20), bytearray(4096)]
    time_limit(client, said["written"])
    said["read"] = os.readv(client.fileno(), into)


def readv_ends_inside():
    """readv into buffers of 10, 20 and 30 bytes; 25 bytes arrive."""
    client, server = asked()
    server.sendall(b"HTTP/1.1 204 No Content\r\n")
    said["read"] = os.readv(client.fileno(), [bytearray(10), bytearray(20), bytearray(30)])


def readv_more_room():
    """readv into 3 × 4096 bytes; 100 bytes arrive."""
    client, server = asked()
    server.sendall(response(0).ljust(100, b"x"))
    into = [bytearray(b"STALE" * 819), bytearray(b"STALE" * 819), bytearray(b"STALE" * 819)]
    said["read"] = os.readv(client.fileno(), into)


def many_iovecs():
    """writev of ARGUMENT iovecs, 11 bytes each, after a head."""
    count = int(sys.argv[2])
    client, server = asked()
    pieces = [response(11 * (count - 1))] + [b"%010d\n" % i for i in range(count - 1)]
    said["written"] = os.writev(server.fileno(), pieces)
    receive(client, said["written"])


def large_calls():
    """A body of 8 MiB in one call."""
    client, server = asked()
    body = bytes(8 << 20)
    server.sendall(response(len(body)))
    reader = threading.Thread(target=receive, args=(client, len(response(len(body))) + len(body)))
    reader.start()
    assert os.write(server.fileno(), body) == len(body)
    reader.join()


def empty_iovecs():
    """Head, NULL with length 0, body."""
    client, server = asked()
    head, body = buffer(response(5)), buffer(b"hello")
    said["written"] = checked(libc.writev(server.fileno(), iovecs([head, (None, 0), body]), 3))
    said["nothing"] = checked(libc.writev(server.fileno(), iovecs([(None, 0), (None, 0)]), 2))


def bad_iovec():
    """The second of three iovecs cannot be read: the call returns the bytes that it took before."""
    client, server = asked()
    server.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
    head, body = buffer(response(200_000) + pattern(200_000)), buffer(b"hello")
    said["written"] = checked(libc.writev(server.fileno(), iovecs([head, (8, 100_000), body]), 3))
    receive(client, said["written"])


def two_iovecs():
    """A head and 8 KiB."""
    client, server = asked()
    said["written"] = os.writev(server.fileno(), [response(8192), pattern(8192)])
    receive(client, said["written"])


def one_mebibyte():
    """64 iovecs of 16 KiB in one writev."""
    client, server = asked()
    server.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 << 20)
    body = pattern(1 << 20)
    reader = threading.Thread(target=lambda: receive(client, len(response(1 << 20)) + (1 << 20)))
    reader.start()
    said["written"] = os.writev(server.fileno(), [response(1 << 20)] + [body[i : i + 16384] for i in range(0, 1 << 20, 16384)])
    reader.join()


def partial_write():
    """Non-blocking writes of 8 MB: partial counts, EAGAIN, then the rest."""
    client, server = asked()
    server.setblocking(False)
    body = pattern(8_000_000)
    whole = memoryview(response(len(body)) + body)
    said["total"] = len(whole)
    said["writes"] = said["refused"] = 0
    while whole:
        try:
            sent = os.write(server.fileno(), whole)
            whole = whole[sent:]
            said["writes"] += 1
        except BlockingIOError:
            said["refused"] += 1
            for _ in range(8):
                if select.select([client], [], [], 0)[0]:
                    client.recv(1 << 20)
    server.shutdown(socket.SHUT_WR)
    while client.recv(1 << 20):
        pass


def untouched_page():
    """write from a mapped file whose pages have never been touched."""
    client, server = asked()
    with tempfile.TemporaryFile() as file:
        file.write(response(8000) + pattern(8000))
        file.flush()
        size = file.tell()
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        memory = mmap.mmap(file.fileno(), size, prot=mmap.PROT_READ)
        said["written"] = os.write(server.fileno(), memory)
        receive(client, size)


def unmapped_after():
    """sendmsg from memory that is unmapped when the call returns: another thread unmaps it while the call blocks."""
    client, server = asked()
    server.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8192)
    size = 4 << 20
    libc.mmap.restype = ctypes.c_void_p
    address = libc.mmap(None, ctypes.c_size_t(size), 3, 0x22, -1, 0)
    ctypes.memset(address, 120, size)
    ctypes.memmove(address, response(size - 100), len(response(size - 100)))
    result = []
    writer = threading.Thread(target=lambda: result.append(libc.write(server.fileno(), ctypes.c_void_p(address), ctypes.c_size_t(size))))
    writer.start()
    got = len(receive(client, 100_000))
    # The middle pages are unmapped: the call stops there with a partial count, unless it has already copied them.
    libc.munmap(ctypes.c_void_p(address + 8192), ctypes.c_size_t(4096))
    finisher = threading.Thread(target=lambda: (writer.join(), server.shutdown(socket.SHUT_WR)))
    finisher.start()
    while piece := client.recv(1 << 20):
        got += len(piece)
    said["written"] = result[0]
    said["got"] = got


def zero_length():
    """Calls that move nothing."""
    client, server = asked()
    os.write(server.fileno(), b"")
    server.send(b"")
    server.sendmsg([])
    server.sendmsg([b""])
    os.read(server.fileno(), 0)
    said["calls"] = 5


def multiple_messages():
    """A request in two messages of one sendmmsg, received by one recvmmsg."""
    client, server = pair()
    parts = [buffer(REQUEST[:10]), buffer(REQUEST[10:])]
    messages = (MultiMessage * 2)()
    keep = [iovecs([part]) for part in parts]
    for message, iov in zip(messages, keep):
        message.header.iov, message.header.iov_count = iov, 1
    said["sent"] = checked(libc.sendmmsg(client.fileno(), messages, 2, 0))
    time_limit(server, len(REQUEST))
    room = [ctypes.create_string_buffer(7), ctypes.create_string_buffer(100)]
    keep = [iovecs([each]) for each in room]
    for message, iov in zip(messages, keep):
        message.header.iov, message.header.iov_count, message.length = iov, 1, 0
    said["received"] = checked(libc.recvmmsg(server.fileno(), messages, 2, 0, None))


def positioned():
    """pwritev2 and preadv2 with offset -1 work on sockets, and pwritev and preadv do not."""
    client, server = pair()
    request = buffer(REQUEST)
    said["written"] = checked(libc.pwritev2(client.fileno(), iovecs([request]), 1, ctypes.c_long(-1), 0))
    room = ctypes.create_string_buffer(100)
    said["read"] = checked(libc.preadv2(server.fileno(), iovecs([room]), 1, ctypes.c_long(-1), 0))
    said["refused"] = libc.pwritev(client.fileno(), iovecs([request]), 1, ctypes.c_long(0))


def restarted():
    """A signal interrupts a read, and the kernel restarts it."""
    client, server = pair()
    client.sendall(REQUEST[:4])
    receive(server, 4)
    signal.signal(signal.SIGALRM, lambda *_: client.sendall(REQUEST[4:]))
    signal.siginterrupt(signal.SIGALRM, False)
    signal.setitimer(signal.ITIMER_REAL, 0.05)
    # Uses ctypes' libc.read, because the kernel would not restart Python's own. The handler only runs after read has
    # returned, so another thread answers.
    waker = threading.Thread(target=lambda: (time.sleep(0.2), client.sendall(REQUEST[4:])))
    signal.signal(signal.SIGALRM, lambda *_: None)
    signal.siginterrupt(signal.SIGALRM, False)
    waker.start()
    room = ctypes.create_string_buffer(200)
    said["read"] = checked(libc.read(server.fileno(), room, 200))
    waker.join()


def wait_all():
    """A signal ends recv(MSG_WAITALL) after 40 of 1000 bytes."""
    client, server = pair()
    signal.signal(signal.SIGALRM, lambda *_: None)
    signal.siginterrupt(signal.SIGALRM, True)
    client.sendall(REQUEST + b"12345678"[: 40 - len(REQUEST)])
    signal.setitimer(signal.ITIMER_REAL, 0.1)
    room = ctypes.create_string_buffer(1000)
    said["read"] = checked(libc.recv(server.fileno(), room, 1000, socket.MSG_WAITALL))


def huge_lengths():
    """write and read of 5 GiB: as many bytes move as fit."""
    client, server = asked()
    size = 5 << 30
    libc.mmap.restype = ctypes.c_void_p
    # MAP_PRIVATE, MAP_ANONYMOUS, MAP_NORESERVE: untouched pages cost nothing.
    address = libc.mmap(None, ctypes.c_size_t(size), 3, 0x4022, -1, 0)
    head = response(size - 1000)
    ctypes.memmove(address, head, len(head))
    server.setblocking(False)
    libc.write.restype = libc.read.restype = ctypes.c_ssize_t
    said["written"] = checked(libc.write(server.fileno(), ctypes.c_void_p(address), ctypes.c_size_t(size)))
    time_limit(client, 1000)
    said["read"] = checked(libc.read(client.fileno(), ctypes.c_void_p(address), ctypes.c_size_t(size)))


def in_call(thread, number):
    """Waits until the thread is inside system call `number`."""
    while True:
        with open(f"/proc/self/task/{thread}/syscall") as file:
            if file.read().startswith(f"{number} "):
                return


def migrated():
    """A read that is blocked on one CPU and returns on another."""
    client, server = pair()
    cpus = sorted(os.sched_getaffinity(0))
    number = server.fileno()
    got = []

    def work():
        os.sched_setaffinity(0, {cpus[0]})
        got.append(len(os.read(number, 1000)))

    reader = threading.Thread(target=work)
    reader.start()
    in_call(reader.native_id, 0)
    os.sched_setaffinity(reader.native_id, {cpus[-1]})
    client.sendall(REQUEST)
    reader.join()
    said.update(read=got[0], cpus=len(cpus))


def killed_inside_calls():
    """Threads are killed inside read. Then a thread reads whose id is the same as one of theirs, or differs by
    65536."""
    client, server = pair()
    number = server.fileno()
    ready, tell = os.pipe()
    child = os.fork()
    if child == 0:
        threads = [threading.Thread(target=lambda: os.read(number, 1)) for _ in range(100)]
        for thread in threads:
            thread.start()
        for thread in threads:
            in_call(thread.native_id, 0)
        os.write(tell, b"%d" % threads[-1].native_id)
        signal.pause()
    last = int(os.read(ready, 20))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    with open("/proc/sys/kernel/pid_max") as file:
        wanted = last + 65536 if last + 65536 < int(file.read()) else last
    for attempt in range(200):
        with open("/proc/sys/kernel/ns_last_pid", "w") as file:
            file.write(str(wanted - 1))
        worker = os.fork()
        if worker == 0:
            if os.getpid() == wanted:
                receive(server, len(REQUEST))
                server.sendall(response(0))
            os._exit(0)
        if worker == wanted:
            break
        os.waitpid(worker, 0)
    said["worker"] = worker
    client.sendall(REQUEST)
    receive(client, len(response(0)))
    os.waitpid(worker, 0)
