"""What was measured on."""

import os
import platform
import subprocess
import time


def facts():
    """Machine, versions, load; everything as plain values for JSON."""
    return {
        "when": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "cores": os.cpu_count(),
        "cpu": cpu_name(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "rustc": first_line(["rustc", "--version"]),
        "commit": first_line(["git", "rev-parse", "--short", "HEAD"]),
        "load_before": os.getloadavg(),
    }


def cpu_name():
    """As the kernel names it."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            names = [line.partition(":")[2].strip() for line in file if line.startswith("model name")]
    except OSError:
        names = []
    return names[0] if names else platform.machine()


def first_line(command):
    """The first line that a command prints; None where it cannot."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False,
                              cwd=os.path.dirname(os.path.abspath(__file__)))
    except OSError:
        return None
    return done.stdout.splitlines()[0] if done.returncode == 0 and done.stdout else None
