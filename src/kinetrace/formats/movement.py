"""netCDF as the Python package `movement` saves and loads it (neuroinformatics-unit).

Needs the extra ``xarray``. `kinetrace.interchange.to_xarray` tells what is in it. Boxes and file
names have no place in it. Read are files of ours and those that `movement` has saved
(``dataset.to_netcdf``) with 2D poses.
"""

from __future__ import annotations

import io
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

from kinetrace import interchange
from kinetrace.errors import MissingExtraError
from kinetrace.files import reading, replacing
from kinetrace.formats._foreign import understood
from kinetrace.formats._stretches import Stretches
from kinetrace.poses import Poses

SUFFIXES = (".movement.nc", ".nc")
LOSES = ("bbox_xyxy", "bbox_score", "frame_name")


def read(path: Path) -> Poses:
    """Read a dataset of poses.

    Raises
    ------
    SourceError
        If the file cannot be read.
    FormatError
        If it is no netCDF file, is damaged, or holds no 2D poses.
    MissingExtraError
        If xarray and h5netcdf are not installed.
    """
    _h5netcdf()
    import xarray

    with reading(path):
        data = path.read_bytes()
        # Of the older netCDF 3, which xarray writes where there is no other package.
        engine: Literal["scipy", "h5netcdf"] = "scipy" if data.startswith(b"CDF") else "h5netcdf"
        with understood("netCDF file"):
            return interchange.from_xarray(xarray.load_dataset(io.BytesIO(data), engine=engine))


def write(poses: Poses, path: Path) -> None:
    """Write a dataset of poses.

    Raises
    ------
    OutputError
        If it cannot be written, a frame has somebody twice, or the frames' numbers do not ascend;
        what was there stays.
    MissingExtraError
        If xarray and h5netcdf are not installed.
    """
    h5netcdf, store_type = _h5netcdf()
    Stretches(poses).add(poses)
    dataset = interchange.to_xarray(poses)
    # In memory: HDF5 brings the process down where a disk is full.
    buffer = io.BytesIO()
    with h5netcdf.File(buffer, "w") as file:
        dataset.dump_to_store(store_type(file))
    with replacing(path) as temporary:
        temporary.write_bytes(buffer.getbuffer())


def _h5netcdf() -> tuple[ModuleType, Any]:
    """Return the package, which needs h5py to work, and xarray's store for it."""
    try:
        import h5netcdf
        import h5py  # noqa: F401
        from xarray.backends import H5NetCDFStore
    except ImportError as error:
        raise MissingExtraError("xarray with h5netcdf", "xarray") from error
    return h5netcdf, H5NetCDFStore
