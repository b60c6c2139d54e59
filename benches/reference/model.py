"""The model of the reference: anchored 2-means on log pace, vectorised.

Everything is NumPy on whole columns; scikit-learn is not even imported here, because sorted data with
prefix sums beats its k-means on one feature and its import alone costs half a second.
"""

import re
from dataclasses import asdict, dataclass

import numpy as np

FOOT = {
    "run", "runs", "running", "trailrun", "parkrun", "jog", "jogs", "jogging", "treadmill", "walk", "walks",
    "walking", "stroll", "hike", "hikes", "hiking", "trek", "trekking",
}  # fmt: skip
WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[^\W\d_]+")
PRIOR_SD = 0.18
LABELS = np.array(["real_run", "pup_walk", "mixed", "outlier"])


@dataclass
class Model:
    """All that a verdict depends on beside the row; stored as JSON in the registry."""

    centroids: list
    sigma2: float
    cut: float | None
    mixed_band: float
    era_date: str | None
    before: str
    after: str
    era_confidence: float

    def to_dict(self):
        """For the registry."""
        return asdict(self)


def is_foot(activity):
    """True for an activity on foot, and for one that is not named."""
    if activity is None or not activity.strip():
        return True
    return any(word.lower() in FOOT for word in WORD.findall(activity))


def valid_rows(pace, distance, duration_min):
    """Which rows a model may speak on. NaN, which stands for NULL, compares false."""
    with np.errstate(invalid="ignore"):
        return (
            (pace > 0) & (pace <= 60) & (distance > 0) & (distance <= 50)
            & (duration_min > 0) & (duration_min <= 1440)
        )  # fmt: skip


def fit(pace, params):
    """Lloyd's steps on sorted log paces, by prefix sums; then the spread and the typicality cut."""
    x = np.sort(np.log(pace))
    prefix = np.concatenate([[0.0], np.cumsum(x)])
    weight = float(params["anchor_weight"])
    anchors = np.log(np.array(params["anchors"], dtype=float))
    centroids = anchors.copy()
    for _ in range(1000):
        low = np.searchsorted(x, centroids.mean(), side="right")
        following = np.array([
            (prefix[low] + weight * anchors[0]) / (low + weight),
            (prefix[-1] - prefix[low] + weight * anchors[1]) / (len(x) - low + weight),
        ])
        done = np.array_equal(following, centroids) or following[0] >= following[1]
        if following[0] < following[1]:
            centroids = following
        if done:
            break
    d2 = np.minimum((x - centroids[0]) ** 2, (x - centroids[1]) ** 2)
    sigma2 = max((d2.sum() + 2 * weight * PRIOR_SD**2) / (len(x) + 2 * weight), 1e-4)
    return centroids.tolist(), float(sigma2), typicality_cut(d2, sigma2, params["outlier_share"])


def typicality_cut(d2, sigma2, share):
    """Beyond it lies at most `share` of the training rows, and none nearer than four sigmas."""
    if share <= 0:
        return None
    rank = len(d2) - int(len(d2) * share) - 1
    return max(float(np.partition(d2, rank)[rank]) if rank >= 0 else 0.0, 16 * sigma2)


def train(pace, params, fallback):
    """A model of the valid paces."""
    centroids, sigma2, cut = fit(pace, params)
    return Model(centroids, sigma2, cut, params["mixed_band"], fallback.get("era_date"),
                 fallback["before"], fallback["after"], fallback["confidence"])


def classify(model, pace, valid, dates):
    """Index of the label, confidence, and whether the era rule spoke, for every row.

    The indices are of LABELS. `dates` is a NumPy array of datetimes, used by the era rule alone.
    """
    run, walk = LABELS[0], LABELS[1]
    x = np.log(pace, where=valid, out=np.zeros_like(pace))
    near, far = (x - model.centroids[0]) ** 2, (x - model.centroids[1]) ** 2
    code = (far < near).astype(np.int8)
    np.minimum(near, far, out=x)
    np.abs(far - near, out=far)
    # Of two clusters the nearer has 1 / (1 + exp(-(difference of d2) / 2 sigma^2)).
    confidence = 1.0 / (1.0 + np.exp(-far / (2 * model.sigma2)))
    code[confidence < model.mixed_band] = 2
    if model.cut is not None:
        beyond = x > model.cut
        code[beyond] = 3
        confidence[beyond] *= model.cut / x[beyond]
    fallback = ~valid
    confidence[fallback] = model.era_confidence
    words = {run: 0, walk: 1, "mixed": 2, "outlier": 3}
    code[fallback] = words[model.before]
    if model.era_date is not None:
        code[fallback & (dates >= np.datetime64(model.era_date))] = words[model.after]
    return code, confidence, fallback
