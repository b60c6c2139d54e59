"""The programs that are measured: built here, or given."""

import os
import subprocess
import sys

from .process import BenchError, quiet
from .rounds import note

EXAMPLES = ["generate_sample", "bench_floor_first_night", "bench_floor_sqlite_insert", "bench_kmeans"]


def programs(root, arguments):
    """The path of paceline, and the folder of the examples."""
    target = os.environ.get("CARGO_TARGET_DIR", os.path.join(root, "target"))
    release = os.path.join(root, target, "release")
    if arguments.binary:
        paceline = os.path.abspath(arguments.binary)
        beside = os.path.join(os.path.dirname(paceline), "examples")
        examples = beside if has_examples(beside) else os.path.join(release, "examples")
    else:
        paceline, examples = os.path.join(release, "paceline"), os.path.join(release, "examples")
    if not arguments.no_build and not (arguments.binary and has_examples(examples)):
        cargo_build(root)
    if not os.access(paceline, os.X_OK):
        raise BenchError(f"there is no program {paceline}; build it, or leave out --no-build and --binary")
    if not has_examples(examples):
        raise BenchError(f"{examples} lacks one of {', '.join(EXAMPLES)}; leave out --no-build")
    return paceline, examples


def has_examples(folder):
    """True where all of them are there."""
    return all(os.access(os.path.join(folder, name), os.X_OK) for name in EXAMPLES)


def cargo_build(root):
    """A release build of the binary and of what the benchmark needs beside it."""
    note("cargo build --release")
    command = ["cargo", "build", "--release", "--bin", "paceline"]
    for name in EXAMPLES:
        command += ["--example", name]
    if subprocess.run(command, cwd=root, check=False).returncode != 0:
        raise BenchError("the release build failed; its messages are above")


def python(root, out, given):
    """A Python with the pinned packages of the reference; made in `out`/venv where none is given."""
    if given:
        return check_packages(given)
    path = os.path.join(out, "venv", "bin", "python")
    pinned = os.path.join(root, "benches", "reference", "requirements.txt")
    stamp = os.path.join(out, "venv", "requirements.txt")
    with open(pinned, encoding="utf-8") as file:
        wanted = file.read()
    if os.path.exists(stamp):
        with open(stamp, encoding="utf-8") as file:
            if file.read() == wanted:
                return check_packages(path)
    note("installing the reference's packages into " + os.path.join(out, "venv"))
    quiet([sys.executable, "-m", "venv", os.path.join(out, "venv")])
    quiet([path, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", pinned])
    with open(stamp, "w", encoding="utf-8") as file:
        file.write(wanted)
    return check_packages(path)


def check_packages(path):
    """Fails here rather than in the middle."""
    quiet([path, "-c", "import polars, sklearn, pymysql, connectorx, pyarrow"])
    return path
