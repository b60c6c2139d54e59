"""Runs one command and writes what it cost, as JSON, to a file descriptor.

    python3 -I -S meter.py RESULT_FD SERVER_PID STDOUT_FILE STDERR_FILE COMMAND [ARG ...]

Why a process of its own, which imports nothing large: Linux counts the memory of the process that
starts another into the peak of the one that is started (until exec they share it). No peak below
this program's own, about 8 MB, can be seen; it is written beside the result as `floor_kb`.

Wall time is a monotonic clock from just before the start to just after the end was collected. CPU is
the operating system's account of the finished command and of the children it waited for. The server's
CPU is the difference of its own account over the same span; what it does afterwards is not in it.
"""

import os
import sys
import time

TICK = os.sysconf("SC_CLK_TCK")


def server_seconds(pid):
    """User and system seconds of a process and its threads so far; 0 where there is none to watch."""
    if pid == 0:
        return 0.0
    with open(f"/proc/{pid}/stat", "rb") as file:
        fields = file.read().rpartition(b")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def own_peak_kb():
    """The peak of this program, below which no peak of a command can be seen."""
    with open("/proc/self/status", "rb") as file:
        for line in file:
            if line.startswith(b"VmHWM"):
                return int(line.split()[1])
    return 0


def run(server_pid, stdout, stderr, command):
    """Runs the command to its end; returns the figures."""
    actions = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, stdout, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644),
        (os.POSIX_SPAWN_OPEN, 2, stderr, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644),
    ]
    server_before = server_seconds(server_pid)
    begun = time.monotonic()
    pid = os.posix_spawnp(command[0], command, os.environ, file_actions=actions)
    _, status, usage = os.wait4(pid, 0)
    wall = time.monotonic() - begun
    server = server_seconds(server_pid) - server_before
    return {
        "exit": os.waitstatus_to_exitcode(status),
        "wall_s": wall,
        "client_cpu_s": usage.ru_utime + usage.ru_stime,
        "server_cpu_s": server,
        "peak_kb": usage.ru_maxrss,
        "floor_kb": own_peak_kb(),
    }


def main(arguments):
    """Entry point; see the module."""
    fd, server_pid, stdout, stderr = int(arguments[0]), int(arguments[1]), arguments[2], arguments[3]
    os.set_inheritable(fd, False)
    figures = run(server_pid, stdout, stderr, arguments[4:])
    # By hand: the json module alone would raise the floor by a megabyte.
    text = ", ".join(f'"{key}": {value!r}' for key, value in figures.items())
    os.write(fd, ("{" + text + "}").encode())


if __name__ == "__main__":
    main(sys.argv[1:])
