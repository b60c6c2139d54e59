"""The classic k-means, k = 3, ten restarts, against scikit-learn's on the same rows.

scikit-learn fits rows that were z-scored before its clock starts; our whole training stage runs, scaling,
statistics and silhouette included. Both inertias are recomputed by one function, on all rows.
"""

import json
import os

from ..process import measure, quiet
from ..rounds import Contender, in_turn, note, scratch


def kmeans(bench, rows):
    """Needs no store."""
    features = os.path.join(bench.work, f"features_{rows}.f64")
    script = bench.reference("kmeans_fit.py")
    # About 3 % of the generated rows are out of bounds or other sports.
    taken = quiet([bench.python, script, "features", bench.csv(rows), features])
    ours, theirs = scratch(bench, "kmeans_ours"), scratch(bench, "kmeans_theirs")
    contenders = [
        Contender("paceline", execute=lambda: measure([bench.example("bench_kmeans"), features, "10"], ours),
                  seconds=lambda measured: measured.json()["fit_s"]),
        Contender("scikit-learn", execute=lambda: measure([bench.python, script, "fit", features], theirs),
                  seconds=lambda measured: measured.json()["fit_s"]),
    ]
    fits = in_turn(bench, "kmeans", "none", rows, contenders)
    compared = json.loads(quiet([bench.python, script, "compare", features, ours + ".out", theirs + ".out"]))
    fits[0].extra.update(compared, valid_rows=json.loads(taken)["rows"])
    note(f"kmeans: inertia ours {compared['inertia']:.6f}, scikit-learn {compared['reference_inertia']:.6f}, "
         f"relative difference {compared['relative']:.3g}")
    os.remove(features)
