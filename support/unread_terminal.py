"""Runs a program on a terminal that nobody reads until a line "read" arrives on stdin.

usage: unread_terminal.py [--errors-apart] PROGRAM ARG...
stdout: "pid N" first, then what the program printed from "read" on, then "ended STATUS RAW": its exit status (negative:
the signal), and whether it left the terminal in raw mode. With --errors-apart its stderr is ours, otherwise the terminal.
"""

import fcntl
import os
import select
import struct
import subprocess
import sys
import termios

words = sys.argv[1:]
apart = words[0] == "--errors-apart"
if apart:
    words = words[1:]
master, slave = os.openpty()
fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
# This process leads the session, because output still in the terminal is lost when the session leader ends.
os.setsid()
fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
child = subprocess.Popen(words, stdin=slave, stdout=slave, stderr=None if apart else slave)
out = sys.stdout.buffer
out.write(b"pid %d\n" % child.pid)
out.flush()
reading = False
pidfd = os.pidfd_open(child.pid)
ended = told = False
while True:
    watched = [0] + ([master] if reading else []) + ([] if ended else [pidfd])
    ready, _, _ = select.select(watched, [], [], 0.2 if ended else None)
    if pidfd in ready:
        child.wait()
        ended = True
        raw = not termios.tcgetattr(slave)[3] & termios.ICANON
    if 0 in ready:
        line = sys.stdin.readline()
        if line == "read\n":
            reading = True
        elif line.startswith("type "):
            os.write(master, line[5:-1].encode().decode("unicode_escape").encode())
        elif line == "":
            child.kill()
            break
    if master in ready:
        out.write(os.read(master, 65536))
        out.flush()
    # Output still in the terminal is read first.
    if ended and not told and (not reading or not ready):
        told = True
        out.write(b"\nended %d %s\n" % (child.returncode, b"raw" if raw else b"sane"))
        out.flush()
