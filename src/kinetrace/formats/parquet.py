"""Parquet: the columns of `kinetrace.tables`, typed; exact; small; quick to read in part.

Numbers are what they are in `Poses` (pixels, scores and metres float32, seconds float64), missing
is null. Skeleton, size, source and log are JSON in the file's metadata, under ``kinetrace``; each
field's metadata has its unit.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain
from pathlib import Path
from typing import Any

from kinetrace import tables
from kinetrace.choices import Layout
from kinetrace.errors import FormatError
from kinetrace.files import reading, replacing
from kinetrace.formats import _json
from kinetrace.formats._stretches import Stretches, split
from kinetrace.poses import Poses

SUFFIXES = (".keypoints.parquet", ".parquet")
LAYOUTS = ("wide", "long")

_KEY = b"kinetrace"
_ROW_GROUP_FRAMES = 10_000


def read(path: Path) -> Poses:
    """Read a table of either layout.

    Raises
    ------
    SourceError
        If the file cannot be read.
    FormatError
        If it is no Parquet file, is cut short, or is no table of keypoints.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    with reading(path), path.open("rb") as file:
        try:
            opened = pq.ParquetFile(file)
            table = opened.read()
        except (pa.ArrowException, OSError) as error:
            raise FormatError(f"it is no Parquet file, or it is cut short: {error}") from error
        known = (opened.metadata.metadata or {}).get(_KEY)
        if known is None:
            return tables.from_table(table.to_pandas())
        metadata = _json.parse_metadata(_json.load(known))
        return tables.from_table(
            table.to_pandas(),
            skeleton=metadata.skeleton,
            size_wh=metadata.size_wh,
            source=metadata.source,
            log=metadata.log,
        )


def write(poses: Poses, path: Path, *, layout: Layout = "wide") -> None:
    """Write a whole file.

    Raises
    ------
    OutputError
        If it cannot be written, or the frames' numbers do not ascend; what was there stays.
    """
    write_chunks(split(poses, frames=_ROW_GROUP_FRAMES), path, layout=layout)


def write_chunks(chunks: Iterable[Poses], path: Path, *, layout: Layout = "wide") -> None:
    """Write a file in memory that does not grow; each chunk becomes a row group.

    Parameters
    ----------
    chunks
        At least one; the first tells skeleton, source and log. Some thousand frames each are
        good, a few are slow to write and to read.
    path
        Where it is written; what is there is overwritten.
    layout
        ``wide`` or ``long``.

    Raises
    ------
    OutputError
        If it cannot be written, or the frames' numbers do not ascend; what was there stays.
    """
    import pyarrow.parquet as pq

    remaining = iter(chunks)
    first = next(remaining)
    stretches = Stretches(first)
    schema = _schema(first, layout)
    with (
        replacing(path) as temporary,
        pq.ParquetWriter(temporary, schema, compression="zstd") as writer,
    ):
        for chunk in chain([first], remaining):
            stretches.add(chunk)
            writer.write_table(_arrow(chunk, layout, schema))
        # At the end, for only now is it known whether all pictures had one size.
        described = _json.dump(_json.describe(first, stretches.size_wh))
        writer.add_key_value_metadata({_KEY: described.encode(errors="backslashreplace")})


def _schema(poses: Poses, layout: Layout) -> Any:
    import pyarrow as pa

    typed = {"frame": pa.int64(), "time_s": pa.float64(), "file": pa.string()}
    typed |= {"person": pa.int64(), "track_id": pa.int64(), "keypoint": pa.string()}
    return pa.schema(
        [
            pa.field(
                name,
                typed.get(name, pa.float32()),
                nullable=name != "frame",
                metadata={"unit": tables.unit(name)} if tables.unit(name) else None,
            )
            for name in tables.columns(poses, layout)
        ],
        # How pandas finds its own types again: integers that may be missing stay integers.
        metadata=_arrow(poses.frames(0, 0), layout, None).schema.metadata,
    )


def _arrow(poses: Poses, layout: Layout, schema: Any) -> Any:
    import pyarrow as pa

    df = tables.to_table(poses, layout)
    return pa.Table.from_pandas(df, schema=schema, preserve_index=False)
