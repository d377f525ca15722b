"""Kills a program at its prompt, under a shell without job control, on a terminal.

usage: killed_at_prompt.py next|stopped PROGRAM ARG...
next: the shell then runs an editor, which sets up the terminal for itself: prints "editor FLAGS", the local modes of the
terminal after 6 s, and what was written to it after the editor began.
stopped: the terminal's output is stopped (Ctrl-S) before: prints "left N", the children of the program after 6 s.
"""

import os
import pty
import select
import shlex
import signal
import sys
import termios
import time

EDITOR = """import sys, termios, time, tty
tty.setraw(0)
print("EDITOR", end="", flush=True)
time.sleep(6)
print("editor %d" % termios.tcgetattr(0)[3], flush=True)
"""

how, words = sys.argv[1], sys.argv[2:]
then = f"{sys.executable} -c {shlex.quote(EDITOR)}" if how == "next" else "sleep 60"
shell, terminal = pty.fork()
if shell == 0:
    os.execvp("sh", ["sh", "-c", f"{shlex.join(words)}; {then}"])
out = b""


def read(until, seconds=15):
    global out
    end = time.monotonic() + seconds
    while time.monotonic() < end and until not in out:
        if select.select([terminal], [], [], 0.1)[0]:
            out += os.read(terminal, 65536)


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        return [int(child) for child in file.read().split()]


read(b"tinytap")
read(b"> ", 2)
[program] = children(shell)
helpers = children(program)
if how == "stopped":
    slave = os.open(os.readlink(f"/proc/{program}/fd/0"), os.O_RDWR | os.O_NOCTTY)
    termios.tcflow(slave, termios.TCOOFF)
os.kill(program, signal.SIGKILL)
if how == "next":
    try:
        read(b"editor ")
        read(b"never", 1)
    except OSError:
        # The shell has ended.
        pass
    sys.stdout.write(repr(out[out.index(b"EDITOR") + len("EDITOR") :]) + "\n")
else:
    time.sleep(6)
    left = [helper for helper in helpers if os.path.exists(f"/proc/{helper}")]
    print("left", len(left), "of", len(helpers), "raw" if not termios.tcgetattr(slave)[3] & termios.ICANON else "sane")
os.kill(shell, signal.SIGKILL)
os.close(terminal)
