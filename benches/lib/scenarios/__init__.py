"""What is measured; see benches/README.md for what each scenario does and against whom.

Each scenario is a function of the bench and a size that adds to `bench.results`.
"""

from . import backfill, importing, kmeans, memory, nights, small, verify

# In this order, because the nights leave templates that the later ones use.
SCENARIOS = {
    "small": small.small,
    "import": importing.importing,
    "first_night": nights.first_night,
    "quiet_night": nights.quiet_night,
    "retrain_night": nights.retrain_night,
    "backfill": backfill.backfill,
    "verify": verify.verify,
    "kmeans": kmeans.kmeans,
    "memory": memory.memory,
}
