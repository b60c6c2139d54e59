"""Starting processes: those that are measured, and those that only prepare or check."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field

METER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "meter.py")


class BenchError(Exception):
    """Something without which the benchmark cannot go on; the message says what to do."""


@dataclass
class Measured:
    """One measured process: seconds, kilobytes, and the files with what it printed."""

    wall_s: float
    client_cpu_s: float
    server_cpu_s: float
    peak_kb: int
    floor_kb: int
    stdout: str
    stderr: str
    extra: dict = field(default_factory=dict)

    def printed(self):
        """What it wrote on standard output."""
        with open(self.stdout, encoding="utf-8") as file:
            return file.read()

    def json(self):
        """What it wrote on standard output, as JSON."""
        return json.loads(self.printed())


def measure(command, scratch, server_pid=0, env=None, cwd=None, stdout=None):
    """Runs `command` under the meter; raises BenchError where it fails.

    `scratch` is a path without suffix for its two output files; `stdout` names another place, such
    as /dev/null for a command that prints a table.
    """
    stdout, stderr = stdout or scratch + ".out", scratch + ".err"
    read_fd, write_fd = os.pipe()
    try:
        arguments = [sys.executable, "-I", "-S", METER, str(write_fd), str(server_pid), stdout, stderr, *command]
        meter = subprocess.Popen(arguments, pass_fds=[write_fd], env=env, cwd=cwd)
        os.close(write_fd)
        write_fd = None
        with os.fdopen(read_fd) as pipe:
            read_fd = None
            text = pipe.read()
        meter.wait()
    finally:
        for fd in (read_fd, write_fd):
            if fd is not None:
                os.close(fd)
    if not text:
        raise BenchError(f"the meter of {command[0]} ended without a result")
    figures = json.loads(text)
    code = figures.pop("exit")
    if code != 0:
        raise BenchError(f"exit code {code} from: {shown(command)}\n{tail(stderr)}")
    return Measured(stdout=stdout, stderr=stderr, **figures)


def quiet(command, **options):
    """Runs a command that is not measured; returns what it printed, raises BenchError where it fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, **options)
    except FileNotFoundError as error:
        raise BenchError(f"cannot start {command[0]}: {error}") from error
    if done.returncode != 0:
        raise BenchError(f"exit code {done.returncode} from: {shown(command)}\n{done.stderr[-4000:]}{done.stdout[-500:]}")
    return done.stdout


def shown(command):
    """A command for people; URLs hold the private server's password, which is no secret."""
    return " ".join(part if len(part) < 300 else part[:300] + ".." for part in command)


def tail(path, size=4000):
    """The end of a file."""
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()[-size:]
