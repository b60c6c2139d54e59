"""The import of the reference: a MapMyRun export in miles into workout_summary.

Polars reads and checks whole columns; what cannot be stored goes to quarantined_rows with its reason; rows
that are there already are compared, and only new and changed ones are written.
"""

import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone

import polars as pl

import database

COLUMNS = ["workout_id", "workout_date", "activity_type", "kcal_burned", "distance_mi", "duration_sec", "avg_pace",
           "max_pace", "steps", "link"]
NAMES = {
    "Workout Date": "date", "Activity Type": "activity_type", "Calories Burned (kcal)": "kcal_burned",
    "Distance (mi)": "distance_mi", "Workout Time (seconds)": "duration_sec", "Avg Pace (min/mi)": "avg_pace",
    "Max Pace (min/mi)": "max_pace", "Steps": "steps", "Link": "link",
}  # fmt: skip
TYPES = {
    "Calories Burned (kcal)": pl.Int64, "Distance (mi)": pl.Float64, "Workout Time (seconds)": pl.Float64,
    "Avg Pace (min/mi)": pl.Float64, "Max Pace (min/mi)": pl.Float64, "Steps": pl.Int64, "Workout Date": pl.String,
    "Activity Type": pl.String, "Link": pl.String,
}  # fmt: skip
MONTHS = ["Jan.", "Feb.", "March", "April", "May", "June", "July", "Aug.", "Sept.", "Oct.", "Nov.", "Dec."]
TAIL = " ON DUPLICATE KEY UPDATE " + ", ".join(f"{name} = VALUES({name})" for name in COLUMNS[1:])
TRANSACTION_ROWS = 50_000


def read(path):
    """The export's rows as the table has them, and why a row cannot be stored."""
    frame = pl.read_csv(path, columns=list(NAMES), schema_overrides=TYPES, truncate_ragged_lines=True).rename(NAMES)
    # Years of workouts are on a few thousand days: each is parsed once.
    days = frame.select("date").unique()
    numbers = [str(n) for n in range(1, 13)]
    parsed = pl.col("date").str.replace_many(MONTHS, numbers).str.to_datetime("%m %d, %Y", strict=False)
    frame = frame.join(days.with_columns(parsed.alias("workout_date")), on="date", how="left", maintain_order="left")
    frame = frame.with_columns(pl.col("link").str.extract(r"(\d+)/*$").alias("workout_id"))
    reason = (
        pl.when(pl.col("link").is_null()).then(pl.lit("no link"))
        .when(pl.col("workout_id").is_null()).then(pl.lit("the link has no id"))
        .when(pl.col("workout_id").str.len_chars() > 20).then(pl.lit("the id is too long"))
        .when(pl.col("workout_date").is_null()).then(pl.lit("no such date"))
    )  # fmt: skip
    return frame.with_columns(reason.alias("refused"))


def literals():
    """How each column is written."""
    date = pl.concat_str(pl.lit("'"), pl.col("workout_date").dt.to_string("%Y-%m-%d %H:%M:%S"), pl.lit("'"))
    texts = {"workout_id": database.quoted("workout_id"), "workout_date": database.literal(date),
             "activity_type": database.quoted("activity_type"), "link": database.quoted("link")}
    return [texts.get(name, database.number(name)) for name in COLUMNS]


def built(rows):
    """Finished statements of some rows."""
    collected = []
    keeper = type("Keeper", (), {"execute": lambda self, text: collected.append(text)})()
    database.insert_text(keeper, "workout_summary", COLUMNS, rows, literals())
    return collected


def import_csv(path, url):
    """Reads, compares, writes; returns the counts."""
    connection = database.connect(url)
    with ThreadPoolExecutor(1) as pool:
        stored = pool.submit(database.read, url, f"SELECT {','.join(COLUMNS)} FROM workout_summary")
        frame, stored = read(path), stored.result()
    good = frame.filter(pl.col("refused").is_null()).select(COLUMNS).unique("workout_id", keep="last", maintain_order=True)
    new, changed = split(good, stored)
    cursor = connection.cursor()
    with ThreadPoolExecutor(1) as builder:
        slices = [new.slice(at, TRANSACTION_ROWS) for at in range(0, len(new), TRANSACTION_ROWS)]
        ahead = builder.submit(built, slices[0]) if slices else None
        for n in range(len(slices)):
            statements = ahead.result()
            ahead = builder.submit(built, slices[n + 1]) if n + 1 < len(slices) else None
            for statement in statements:
                cursor.execute(statement)
            connection.commit()
    if len(changed):
        database.insert_text(cursor, "workout_summary", COLUMNS, changed, literals(), TAIL)
    refused = frame.filter(pl.col("refused").is_not_null())
    quarantine(cursor, path, refused)
    connection.commit()
    return {"read": len(frame), "new": len(new), "changed": len(changed),
            "unchanged": len(good) - len(new) - len(changed), "quarantined": len(refused)}


def split(good, stored):
    """New and changed rows."""
    if stored.is_empty():
        return good, good.clear()
    new = good.join(stored, on="workout_id", how="anti", maintain_order="left")
    stored = stored.cast(dict(good.schema))
    changed = good.join(stored, on=COLUMNS, how="anti", nulls_equal=True).join(new, on="workout_id", how="anti")
    return new, changed


def quarantine(cursor, path, refused):
    """Refused rows, whole."""
    now = datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M:%S.%f")
    rows = []
    for row in refused.drop("refused").iter_rows(named=True):
        raw = json.dumps(row, default=str)
        rows.append((hashlib.sha256((path + raw).encode()).hexdigest(), path, raw, now))
    reasons = refused["refused"].to_list()
    cursor.executemany("INSERT IGNORE INTO quarantined_rows (fingerprint, source, raw, quarantined_at, reason) "
                       "VALUES (%s, %s, %s, %s, %s)", [(*row, reason) for row, reason in zip(rows, reasons)])
