"""The columns that a night reads, for the plain client: read from the statements themselves, so that the
yardstick changes when they do."""

import os

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def statement(name):
    """A statement of sql/query without its comments, on one line."""
    with open(os.path.join(ROOT, "sql", "query", name), encoding="utf-8") as file:
        lines = [line.strip() for line in file if not line.lstrip().startswith("--")]
    return " ".join(line for line in lines if line)


WORKOUTS = statement("load_all_workouts.sql")
CLASSIFICATIONS = statement("load_classifications.sql")
