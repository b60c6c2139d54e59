"""What one night writes, as finished SQL statements: history rows and current rows.

Constants of a run (model, run, instant) stand in the text once per row all the same, because a VALUES
list has no other place for them; they cost the server's parser, not Polars.
"""

from concurrent.futures import ThreadPoolExecutor

import polars as pl

from database import ROWS_A_STATEMENT, insert_many, load_data, number, plain, quoted

HISTORY = [
    "workout_id", "previous_classification", "new_classification", "classification_source",
    "classification_confidence", "classification_method", "model_id", "model_version", "changed_by", "changed_at",
    "reason", "features_used", "run_id",
]  # fmt: skip
CURRENT = [
    "workout_id", "current_classification", "classification_source", "classification_confidence",
    "classification_method", "model_id", "model_version", "is_user_override", "classified_at", "last_updated",
    "classification_change_count", "features_snapshot", "run_id", "label_model_id",
]  # fmt: skip


def values(*names):
    """`a = VALUES(a), ..`"""
    return ", ".join(f"{name} = VALUES({name})" for name in names)


VERDICT = ("classification_source", "classification_confidence", "classification_method", "model_id", "model_version",
           "last_updated")
TAILS = {
    "new": "",
    "changed": " ON DUPLICATE KEY UPDATE " + values("current_classification", *VERDICT, "features_snapshot", "run_id",
                                                    "label_model_id")
               + ", classification_change_count = classification_change_count + 1",
    "refreshed": " ON DUPLICATE KEY UPDATE " + values(*VERDICT),
}


def constants(run):
    """What is the same in every row of a run."""
    return {
        "model_id": run.model_id, "model_version": run.model_version, "changed_by": "system", "changed_at": run.now,
        "reason": run.reason, "run_id": run.run_id, "is_user_override": 0, "classified_at": run.now,
        "last_updated": run.now, "classification_change_count": 0, "label_model_id": run.model_id,
    }  # fmt: skip


def renamed():
    """The columns of the two tables under their own names."""
    return {
        "workout_id": pl.col("workout_id"), "previous_classification": pl.col("stored"),
        "new_classification": pl.col("label"), "current_classification": pl.col("label"),
        "classification_source": pl.col("source"), "classification_confidence": pl.col("confidence"),
        "classification_method": pl.col("method"), "features_used": features_json(), "features_snapshot": features_json(),
    }  # fmt: skip


def features_json():
    """The features as the history keeps them."""
    def value(name):
        return pl.coalesce(pl.col(name).cast(pl.String), pl.lit("null"))
    return pl.concat_str(pl.lit('{"avg_pace":'), value("avg_pace"), pl.lit(',"distance_mi":'), value("distance_mi"),
                         pl.lit(',"duration_min":'), value("duration_min"), pl.lit("}"))


def as_literals(columns, run):
    """An expression for the text of a whole tuple. Neighbouring constants are one literal."""
    known, own = constants(run), renamed()
    parts, text = [], "("
    special = {"workout_id": quoted("workout_id"), "classification_confidence": number("confidence"),
               "previous_classification": plain("stored")}
    for n, name in enumerate(columns):
        text += "," if n else ""
        if name in known:
            value = known[name]
            text += str(value) if isinstance(value, int) else "'" + value.replace("'", "''") + "'"
            continue
        # The others are our own words or JSON of numbers: nothing to escape, never null.
        column = special.get(name)
        if column is None:
            column = pl.concat_str(pl.lit("'"), own[name], pl.lit("'"))
        parts += [pl.lit(text), column]
        text = ""
    return pl.concat_str(*parts, pl.lit(text + ")")).alias("t")


def statements(table, columns, rows, run, tail=""):
    """Multi-row INSERTs of `rows`."""
    if rows.is_empty():
        return []
    tuples = rows.select(as_literals(columns, run))["t"]
    head = f"INSERT INTO {table} ({','.join(columns)}) VALUES "
    starts = range(0, len(tuples), ROWS_A_STATEMENT)
    return [head + ",".join(tuples[at : at + ROWS_A_STATEMENT].to_list()) + tail for at in starts]


def chunk_statements(rows, run):
    """Everything that one transaction writes."""
    logged = rows.filter(pl.col("outcome") != "refreshed")
    built = statements("workout_classification_history", HISTORY, logged, run)
    for outcome, tail in TAILS.items():
        some = rows.filter(pl.col("outcome") == outcome)
        if outcome == "refreshed":
            built += refresh_by_join(some, run)
            continue
        built += statements("workout_ml_classifications", CURRENT, some, run, tail)
    return built


CONFIRMED = ["workout_id", "classification_source", "classification_confidence", "classification_method"]
TEMPORARY = """CREATE TEMPORARY TABLE IF NOT EXISTS confirmed (
    workout_id VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PRIMARY KEY, classification_source VARCHAR(20),
    classification_confidence DOUBLE, classification_method VARCHAR(100)) ENGINE = InnoDB"""


def refresh_by_join(rows, run):
    """One UPDATE for all refreshed rows of a transaction, from a temporary table."""
    if rows.is_empty():
        return []
    update = f"""UPDATE workout_ml_classifications c JOIN confirmed r ON c.workout_id = r.workout_id
        SET c.classification_source = r.classification_source,
            c.classification_confidence = r.classification_confidence,
            c.classification_method = r.classification_method, c.model_id = '{run.model_id}',
            c.model_version = '{run.model_version}', c.last_updated = '{run.now}'"""
    return [TEMPORARY, *statements("confirmed", CONFIRMED, rows, run), update, "DELETE FROM confirmed"]


def write_text(connection, rows, run, chunk_rows):
    """Writes all rows; Polars builds a chunk's statements while the server works on those before."""
    slices = [rows.slice(at, chunk_rows) for at in range(0, len(rows), chunk_rows)]
    cursor = connection.cursor()
    with ThreadPoolExecutor(1) as builder:
        ahead = builder.submit(chunk_statements, slices[0], run) if slices else None
        for n in range(len(slices)):
            built = ahead.result()
            ahead = builder.submit(chunk_statements, slices[n + 1], run) if n + 1 < len(slices) else None
            for statement in built:
                cursor.execute(statement)
            connection.commit()


def frame_of(columns, rows, run):
    """The columns of a table as a frame."""
    known, own = constants(run), renamed()
    return rows.select([(pl.lit(known[c]) if c in known else own[c]).alias(c) for c in columns])


def write_other(connection, rows, run, chunk_rows, bulk):
    """Writes all rows by another way, to be compared with."""
    cursor = connection.cursor()
    for part in rows.iter_slices(chunk_rows):
        logged = frame_of(HISTORY, part.filter(pl.col("outcome") != "refreshed"), run)
        if bulk == "load-data" and part["outcome"].eq("new").all():
            load_data(cursor, "workout_classification_history", HISTORY, logged)
            load_data(cursor, "workout_ml_classifications", CURRENT, frame_of(CURRENT, part, run))
        else:
            insert_many(cursor, "workout_classification_history", HISTORY, logged)
            for outcome, tail in TAILS.items():
                some = part.filter(pl.col("outcome") == outcome)
                insert_many(cursor, "workout_ml_classifications", CURRENT, frame_of(CURRENT, some, run), tail)
        connection.commit()

