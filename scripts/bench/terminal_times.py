"""Measures a program in a terminal of its own (80 columns, 24 rows); prints milliseconds as JSON.

terminal_times.py prompt MARKER -- PROGRAM…            from starting it to its prompt
terminal_times.py keys MARKER LINE… -- PROGRAM…        types the lines, then keys; from each key to its echo
terminal_times.py screen MARKER END LINE -- PROGRAM…   from Enter after the line to the text END, several times
terminal_times.py cancel MARKER LINE… -- PROGRAM…      types the lines; from Ctrl-C among the rows of the last one to the prompt
"""

import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import sys
import termios
import time

KEYS = 120
GAP_SECONDS = 0.05
LONGEST_SECONDS = 60
SCREENS = 7


class Terminal:
    def __init__(self, words):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ["TERM"] = "xterm-256color"
            os.execvp(words[0], words)
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self.text = ""

    def read(self, seconds):
        """Adds the next output to `text`; returns False if none arrives."""
        ready, _, _ = select.select([self.fd], [], [], seconds)
        if not ready:
            return False
        try:
            part = os.read(self.fd, 1 << 16)
        except OSError:
            raise SystemExit(f"the program ended:\n{self.text[-2000:]}")
        self.text += part.decode("utf-8", "replace")
        return True

    def until(self, pattern, seconds=LONGEST_SECONDS):
        """Reads until `pattern` occurs in the output since the last call."""
        end = time.monotonic() + seconds
        while not re.search(pattern, self.text):
            if time.monotonic() > end:
                raise SystemExit(f"no {pattern} within {seconds} s:\n{self.text[-2000:]}")
            self.read(0.1)
        self.text = ""

    def rest(self, seconds):
        """Reads the output that arrives within this time."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.read(max(0, end - time.monotonic()))
        self.text = ""

    def type(self, text):
        os.write(self.fd, text.encode())

    def close(self):
        os.kill(self.pid, signal.SIGTERM)
        end = time.monotonic() + 10
        while os.waitpid(self.pid, os.WNOHANG) == (0, 0):
            if time.monotonic() > end:
                os.kill(self.pid, signal.SIGKILL)
            try:
                self.read(0.05)
            except SystemExit:
                time.sleep(0.02)


def to_prompt(marker, words):
    begin = time.monotonic()
    terminal = Terminal(words)
    terminal.until(marker)
    took = time.monotonic() - begin
    terminal.close()
    return [took * 1000]


def keys(marker, lines, words):
    terminal = Terminal(words)
    terminal.until(marker)
    for line in lines:
        terminal.type(f"{line}\r")
        terminal.rest(1)
    times = []
    for number in range(KEYS):
        # Each key is a letter that occurs nowhere else on the screen.
        key = chr(0x430 + number)
        terminal.text = ""
        begin = time.monotonic()
        terminal.type(key)
        while key not in terminal.text:
            if time.monotonic() - begin > LONGEST_SECONDS:
                raise SystemExit(f"no echo of {key}:\n{terminal.text[-2000:]}")
            terminal.read(0.1)
        times.append((time.monotonic() - begin) * 1000)
        terminal.rest(GAP_SECONDS)
        if number % 20 == 19:
            terminal.type("\x15")
            terminal.rest(GAP_SECONDS)
    terminal.close()
    return times


def screens(marker, end, line, words):
    terminal = Terminal(words)
    terminal.until(marker)
    times = []
    for _ in range(SCREENS):
        terminal.type(line)
        terminal.rest(0.3)
        begin = time.monotonic()
        terminal.type("\r")
        terminal.until(end)
        times.append((time.monotonic() - begin) * 1000)
        terminal.rest(0.3)
    terminal.close()
    return times


def cancels(marker, lines, words):
    terminal = Terminal(words)
    terminal.until(marker)
    for line in lines[:-1]:
        terminal.type(f"{line}\r")
        terminal.rest(0.3)
    times = []
    for _ in range(SCREENS):
        terminal.type(f"{lines[-1]}\r")
        terminal.rest(1)
        begin = time.monotonic()
        terminal.type("\x03")
        while not re.search(f"cancelled.*{marker}", terminal.text, re.DOTALL):
            if time.monotonic() - begin > LONGEST_SECONDS:
                raise SystemExit(f"no prompt:\n{terminal.text[-2000:]}")
            terminal.read(0.1)
            # Searching all rows would take longer than printing them.
            terminal.text = terminal.text[-1000:]
        times.append((time.monotonic() - begin) * 1000)
        terminal.text = ""
    terminal.close()
    return times


def main():
    split = sys.argv.index("--")
    what, marker, *given = sys.argv[1:split]
    words = sys.argv[split + 1 :]
    if what == "prompt":
        times = to_prompt(marker, words)
    elif what == "keys":
        times = keys(marker, given, words)
    elif what == "cancel":
        times = cancels(marker, given, words)
    else:
        times = screens(marker, given[0], given[1], words)
    print(json.dumps(times))


main()
