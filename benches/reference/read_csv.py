"""How long Polars needs to read an export; its import is not counted. `read_csv.py FILE`."""

import json
import sys
import time

import polars as pl

begun = time.monotonic()
# One row of the generated dirt has too few cells.
frame = pl.read_csv(sys.argv[1], truncate_ragged_lines=True, infer_schema_length=10_000)
print(json.dumps({"rows": len(frame), "read_s": time.monotonic() - begun}))
