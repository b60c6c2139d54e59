"""Reading and writing of the reference: connectorx in, multi-row statements out.

Rows become SQL text inside Polars, column by column, and PyMySQL only sends the finished statement:
its own executemany escapes each value in Python and takes about twice as long (measure it with
`--bulk executemany`). `--bulk load-data` is LOAD DATA LOCAL INFILE, which drops rows that break a
foreign key or a check without a word, even in strict mode; it is here to be compared with.
"""

import os
import tempfile
from urllib.parse import unquote, urlsplit

import polars as pl
import pymysql

ROWS_A_STATEMENT = 1_000


def connect(url):
    """A PyMySQL connection without autocommit."""
    parts = urlsplit(url)
    return pymysql.connect(
        host=parts.hostname, port=parts.port or 3306, user=unquote(parts.username or ""),
        password=unquote(parts.password or ""), database=parts.path.lstrip("/"), charset="utf8mb4",
        autocommit=False, local_infile=True,
    )  # fmt: skip


def read(url, query):
    """A query's rows as a DataFrame, by connectorx over the binary protocol."""
    return pl.read_database_uri(query, url, engine="connectorx")


def literal(column):
    """A column as SQL literals; NULL where it is null."""
    return pl.coalesce(column, pl.lit("NULL"))


def quoted(name):
    """A text column as SQL literals."""
    text = pl.col(name).str.replace_all("\\", "\\\\", literal=True).str.replace_all("'", "''", literal=True)
    return literal(pl.concat_str(pl.lit("'"), text, pl.lit("'")))


def plain(name):
    """A text column that needs no escapes (labels, numbers in JSON) as SQL literals."""
    return literal(pl.concat_str(pl.lit("'"), pl.col(name), pl.lit("'")))


def number(name):
    """A numeric column as SQL literals with the shortest digits that read back to the same bits."""
    return literal(pl.col(name).cast(pl.String))


def insert_text(cursor, table, columns, frame, literals, tail=""):
    """Multi-row INSERTs whose text Polars has built. `literals` has one expression for each column."""
    parts = [part for one in literals for part in (one, pl.lit(","))][:-1]
    tuples = frame.select(pl.concat_str(pl.lit("("), *parts, pl.lit(")")).alias("t"))["t"]
    head = f"INSERT INTO {table} ({','.join(columns)}) VALUES "
    for at in range(0, len(tuples), ROWS_A_STATEMENT):
        cursor.execute(head + ",".join(tuples[at : at + ROWS_A_STATEMENT].to_list()) + tail)


def insert_many(cursor, table, columns, frame, tail=""):
    """The same through PyMySQL's executemany, which escapes each value in Python."""
    marks = ",".join(["%s"] * len(columns))
    statement = f"INSERT INTO {table} ({','.join(columns)}) VALUES ({marks}) {tail}"
    for part in frame.iter_slices(ROWS_A_STATEMENT):
        cursor.executemany(statement, part.rows())


def load_data(cursor, table, columns, frame):
    """LOAD DATA LOCAL INFILE from a temporary file."""
    handle, path = tempfile.mkstemp(suffix=".tsv")
    os.close(handle)
    try:
        frame.write_csv(path, separator="\t", null_value="\\N", include_header=False, quote_style="never")
        cursor.execute(f"LOAD DATA LOCAL INFILE '{path}' INTO TABLE {table} CHARACTER SET utf8mb4 "
                       f"FIELDS TERMINATED BY '\\t' LINES TERMINATED BY '\\n' ({','.join(columns)})")
    finally:
        os.unlink(path)
