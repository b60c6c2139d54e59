"""scikit-learn's classic k-means, and one function for both inertias.

    kmeans_fit.py features EXPORT.csv OUT.f64     valid foot and other rows as f64 triples (pace, miles, minutes)
    kmeans_fit.py fit FEATURES.f64                KMeans(3, n_init=10, algorithm='lloyd') on z-scores; its time
    kmeans_fit.py compare FEATURES.f64 OURS.json THEIRS.json
"""

import json
import sys
import time

import numpy as np


def features(csv, out):
    """Rows within the bounds of the model."""
    import polars as pl

    names = {"Avg Pace (min/mi)": "pace", "Distance (mi)": "miles", "Workout Time (seconds)": "seconds"}
    frame = pl.read_csv(csv, columns=list(names), truncate_ragged_lines=True,
                        schema_overrides={name: pl.Float64 for name in names}).rename(names)
    minutes = (pl.col("seconds") / 60 * 10).round(mode="half_to_even") / 10
    valid = pl.all_horizontal(pl.col("pace").is_between(0, 60, closed="right"),
                              pl.col("miles").is_between(0, 50, closed="right"),
                              pl.col("minutes").is_between(0, 1440, closed="right"))
    rows = frame.with_columns(minutes.alias("minutes")).filter(valid).select("pace", "miles", "minutes").to_numpy()
    np.ascontiguousarray(rows, dtype="<f8").tofile(out)
    return {"rows": len(rows)}


def scaled(path):
    """The z-scored rows."""
    rows = np.fromfile(path, dtype="<f8").reshape(-1, 3)
    return rows, (rows - rows.mean(axis=0)) / rows.std(axis=0)


def fit(path):
    """Only `fit` is timed."""
    from sklearn.cluster import KMeans

    _, z = scaled(path)
    z = np.ascontiguousarray(z)
    model = KMeans(n_clusters=3, n_init=10, algorithm="lloyd", random_state=42)
    begun = time.monotonic()
    model.fit(z)
    return {"fit_s": time.monotonic() - begun, "rows": len(z), "centroids": model.cluster_centers_.tolist()}


def inertia(z, centroids):
    """The sum of squared distances to the nearest centroid, in chunks."""
    total = 0.0
    for part in np.array_split(z, max(1, len(z) // 100_000)):
        d2 = ((part[:, None, :] - centroids[None, :, :]) ** 2).sum(axis=2)
        total += d2.min(axis=1).sum()
    return float(total)


def compare(path, ours, theirs):
    """Both centroids on the same z-scores."""
    rows, z = scaled(path)
    with open(ours, encoding="utf-8") as file:
        clustering = json.load(file)["artifact"]["clustering"]
    with open(theirs, encoding="utf-8") as file:
        reference = np.array(json.load(file)["centroids"])
    scales = [feature["transform"]["zscore"] for feature in clustering["features"]]
    own = np.array([cluster["centroid"] for cluster in clustering["clusters"]])
    raw = own * [s["sd"] for s in scales] + np.array([s["mean"] for s in scales])
    a, b = inertia(z, (raw - rows.mean(axis=0)) / rows.std(axis=0)), inertia(z, reference)
    return {"inertia": a, "reference_inertia": b, "relative": (a - b) / b}


if __name__ == "__main__":
    command = {"features": features, "fit": fit, "compare": compare}[sys.argv[1]]
    print(json.dumps(command(*sys.argv[2:])))
