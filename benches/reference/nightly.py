"""The yardstick: the nightly job as a careful user would write it today in Python.

    nightly.py run PIPELINE.toml --url mysql://.. [--retrain auto|always] [--bulk text|executemany|load-data]
    nightly.py import FILE.csv --url mysql://..

Polars, NumPy, connectorx and PyMySQL; nothing of Paceline is used but its tables and its pipeline file.
It prints one JSON object, with the same keys as Paceline's for what is compared.
"""

import argparse
import json
import sys
import time
import tomllib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timezone

import numpy as np
import polars as pl

import database
import model as models

WORKOUTS = """SELECT workout_id, workout_date, activity_type, avg_pace, distance_mi, duration_sec
              FROM workout_summary"""
CURRENT = """SELECT workout_id, current_classification AS stored, classification_confidence AS stored_confidence,
                    model_id AS stored_model, is_user_override AS is_override
             FROM workout_ml_classifications"""


@dataclass
class Run:
    """What is the same in every row that a run writes."""

    run_id: str
    model_id: str
    model_version: str
    now: str
    reason: str


def load(url):
    """Workouts and stored state, both at a time."""
    with ThreadPoolExecutor(2) as pool:
        workouts, current = pool.submit(database.read, url, WORKOUTS), pool.submit(database.read, url, CURRENT)
        return workouts.result(), current.result()


def featurize(workouts):
    """Foot activities only, with minutes; returns how many were skipped as well."""
    names = workouts["activity_type"].unique().to_list()
    foot = [name for name in names if models.is_foot(name)]
    keep = pl.col("activity_type").is_in(foot) | pl.col("activity_type").is_null()
    minutes = (pl.col("duration_sec").cast(pl.Float64) / 60 * 10).round(mode="half_to_even") / 10
    kept = workouts.lazy().filter(keep & pl.col("workout_date").is_not_null()).select(
        "workout_id", "workout_date", pl.col("avg_pace").cast(pl.Float64), pl.col("distance_mi").cast(pl.Float64),
        minutes.alias("duration_min"))
    features = kept.collect()
    return features, len(workouts) - len(features)


def active_model(connection):
    """The model in production, with the parameters it was trained with and on how many rows."""
    cursor = connection.cursor()
    cursor.execute("SELECT model_id, model_version, artifact, hyperparameters, training_workouts_count "
                   "FROM ml_model_registry WHERE is_production = 1")
    row = cursor.fetchone()
    if row is None:
        return None
    model_id, version, artifact, params, rows = row
    return model_id, version, models.Model(**json.loads(artifact)), json.loads(params), rows


def register(connection, model, params, rows, now, before):
    """Stores a model and puts it in production; returns its id and version."""
    stamp = now.strftime("%Y%m%d_%H%M%S_%f")
    model_id = f"workout_classifier_{stamp}"
    version = "1.0.0" if before is None else f"1.{int(before[1].split('.')[1]) + 1}.0"
    text = now.strftime("%Y-%m-%d %H:%M:%S.%f")
    cursor = connection.cursor()
    cursor.execute("UPDATE ml_model_registry SET status = 'archived', is_production = 0, archived_at = %s, "
                   "updated_at = %s WHERE is_production = 1", (text, text))
    cursor.execute(
        "INSERT INTO ml_model_registry (model_id, model_name, model_version, status, is_production, trained_at, "
        "activated_at, training_workouts_count, n_clusters, algorithm_type, hyperparameters, parent_model_id, "
        "created_at, updated_at, artifact) VALUES (%s,%s,%s,'active',1,%s,%s,%s,2,'anchored-kmeans',%s,%s,%s,%s,%s)",
        (model_id, "workout_classifier", version, text, text, rows, json.dumps(params),
         before[0] if before else None, text, text, json.dumps(model.to_dict())))
    connection.commit()
    return model_id, version


def choose(connection, features, valid, pipeline, retrain, now):
    """The active model, or a new one where there is none, it was asked for, or it has grown old."""
    params = {key: pipeline["model"][key] for key in ("anchors", "anchor_weight", "mixed_band", "outlier_share")}
    active = active_model(connection)
    rows = int(valid.sum())
    policy = pipeline.get("retrain", {})
    stale = active is None or active[3] != params or rows >= active[4] * (1 + policy.get("new_share", 0.1))
    if not stale and retrain != "always":
        return active[0], active[1], active[2], "reused"
    pace = features["avg_pace"].to_numpy()[valid]
    model = models.train(pace, params, {"era_date": None, **pipeline["fallback"]})
    model_id, version = register(connection, model, params, rows, now, active)
    return model_id, version, model, "trained"


def predict(features, model, valid):
    """A label, a confidence, a method for each workout."""
    code, confidence, fallback = models.classify(
        model, features["avg_pace"].to_numpy(), valid, features["workout_date"].to_numpy())
    names = pl.Series("label", models.LABELS.tolist(), dtype=pl.Enum(models.LABELS.tolist()))
    method = pl.when(pl.col("fallback")).then(pl.lit("era_fallback")).otherwise(pl.lit("anchored-kmeans"))
    return features.with_columns(
        names.gather(pl.Series(code, dtype=pl.UInt32)).cast(pl.String).alias("label"),
        pl.Series("confidence", confidence), pl.Series("fallback", fallback),
    ).with_columns(method.alias("method"))


def diff(predictions, current, model_id):
    """What changes: every row that is to be written, in key order, with its outcome; and all counts."""
    joined = predictions.lazy().join(current.lazy(), on="workout_id", how="left")
    same = (pl.col("stored_model") == model_id) & (pl.col("stored_confidence") == pl.col("confidence"))
    outcome = (
        pl.when(pl.col("stored").is_null()).then(pl.lit("new"))
        .when(pl.col("is_override") == 1).then(pl.lit("protected"))
        .when(pl.col("stored") != pl.col("label")).then(pl.lit("changed"))
        .when(same.fill_null(False)).then(pl.lit("unchanged"))
        .otherwise(pl.lit("refreshed"))
    )  # fmt: skip
    source = (
        pl.when(pl.col("fallback")).then(pl.lit("era_fallback"))
        .when(pl.col("stored").is_null()).then(pl.lit("ml_prediction")).otherwise(pl.lit("ml_batch_update"))
    )  # fmt: skip
    told = joined.with_columns(outcome.alias("outcome")).collect()
    counts = dict(told.group_by("outcome").len().iter_rows())
    written = pl.col("outcome").is_in(["new", "changed", "refreshed"])
    changes = told.lazy().filter(written).with_columns(source.alias("source")).sort("workout_id").collect()
    return changes, counts


def run(arguments):
    """One night; returns the report."""
    with open(arguments.pipeline, "rb") as file:
        pipeline = tomllib.load(file)
    now = datetime.now(timezone.utc)
    run_id = now.strftime("run_%Y%m%d_%H%M%S_%f")
    connection = database.connect(arguments.url)
    times, begun = {}, time.monotonic()
    workouts, current = load(arguments.url)
    times["load"] = time.monotonic() - begun
    features, skipped = featurize(workouts)
    valid = models.valid_rows(*(features[name].to_numpy() for name in ("avg_pace", "distance_mi", "duration_min")))
    model_id, version, model, decision = choose(connection, features, valid, pipeline, arguments.retrain, now)
    predictions = predict(features, model, valid)
    changes, counts = diff(predictions, current, model_id)
    times["compute"] = time.monotonic() - begun - times["load"]
    told = Run(run_id, model_id, version, now.strftime("%Y-%m-%d %H:%M:%S.%f"), f"model {version}")
    write(connection, changes, told, arguments)
    ledger(connection, told, len(workouts), counts)
    times["write"] = time.monotonic() - begun - times["load"] - times["compute"]
    return {
        "run_id": run_id, "decision": decision, "rows": {"read": len(workouts), "skipped": skipped}, "changes": counts,
        "labels": dict(predictions.group_by("label").len().iter_rows()), "seconds": times,
    }  # fmt: skip


def write(connection, changes, told, arguments):
    """Writes the changes, if there are any."""
    if changes.is_empty():
        return
    # Quiet nights need none of it.
    import writing

    if arguments.bulk == "text":
        writing.write_text(connection, changes, told, arguments.chunk_rows)
    else:
        writing.write_other(connection, changes, told, arguments.chunk_rows, arguments.bulk)


def ledger(connection, told, read, counts):
    """One row for the run."""
    outcomes = [counts.get(name, 0) for name in ("new", "changed", "refreshed", "protected", "unchanged")]
    connection.cursor().execute(
        "INSERT INTO pipeline_runs (run_id, pipeline, trigger_kind, status, started_at, finished_at, model_id, "
        "model_version, rows_read, new_count, changed_count, refreshed_count, protected_count, unchanged_count) "
        "VALUES (%s, 'reference', 'manual', 'succeeded', %s, UTC_TIMESTAMP(6), %s, %s, %s, %s, %s, %s, %s, %s)",
        (told.run_id, told.now, told.model_id, told.model_version, read, *outcomes))
    connection.commit()


def parse(argv):
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    night = commands.add_parser("run")
    night.add_argument("pipeline")
    night.add_argument("--retrain", choices=["auto", "always"], default="auto")
    night.add_argument("--bulk", choices=["text", "executemany", "load-data"], default="text")
    night.add_argument("--chunk-rows", type=int, default=50_000, help="rows a transaction")
    csv = commands.add_parser("import")
    csv.add_argument("file")
    for command in (night, csv):
        command.add_argument("--url", required=True)
    return parser.parse_args(argv)


def main(argv):
    """Entry point."""
    arguments = parse(argv)
    if arguments.command == "import":
        import importing

        report = importing.import_csv(arguments.file, arguments.url)
    else:
        report = run(arguments)
    print(json.dumps(report, default=lambda value: value.item() if isinstance(value, np.generic) else str(value)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
