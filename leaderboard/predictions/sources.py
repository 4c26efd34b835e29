"""Tables of strangers read a piece at a time, each row with its line; what is wrong in the writing is noted.

Every format gives the same: pieces of about CHUNK rows at most, with the columns that were asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from leaderboard.predictions.csv_source import csv_chunks
from leaderboard.predictions.findings import Findings
from leaderboard.predictions.jsonl_source import jsonl_chunks
from leaderboard.predictions.tables import CHUNK, Chunk, Wanted, check_header


def chunks(file: Path, form: str, wanted: Wanted, findings: Findings) -> Iterator[Chunk]:
    """The well-formed rows of a file of the format `form`; what is wrong is noted in `findings`. Raises OSError."""
    if not file.stat().st_size:
        findings.add("file_empty")
        return
    yield from SOURCES[form](file, wanted, findings)


def parquet_chunks(file: Path, wanted: Wanted, findings: Findings) -> Iterator[Chunk]:
    """The rows of a Parquet file, numbered from 1."""
    with file.open("rb") as content:
        try:
            yield from _batches(pq.ParquetFile(content), wanted, findings)
        except (pa.ArrowException, OSError, UnicodeDecodeError):  # their words quote the file
            findings.add("not_parquet")


def _batches(table: pq.ParquetFile, wanted: Wanted, findings: Findings) -> Iterator[Chunk]:
    usable = check_header(table.schema_arrow.names, wanted, findings)
    before = 0
    for batch in table.iter_batches(batch_size=CHUNK, columns=usable, use_threads=False) if usable else ():
        batch.validate(full=True)
        yield Chunk(np.arange(before + 1, before + 1 + batch.num_rows), {name: batch.column(name) for name in usable})
        before += batch.num_rows


SOURCES: dict[str, Callable[[Path, Wanted, Findings], Iterator[Chunk]]] = {
    "csv": csv_chunks,
    "jsonl": jsonl_chunks,
    "parquet": parquet_chunks,
}
"""Format -> its reader."""
