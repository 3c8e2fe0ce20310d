"""A MediaPipe ``.task`` bundle, built from the two TFLite files that make it up.

A bundle is a zip of stored entries, aligned so that they can be used in place. Each model inside
must say how its input is normalised (``NormalizationOptions`` of TFLite's metadata schema), and
the files that the packages carry do not: that metadata is added here.

The models are not rewritten. All offsets in a flatbuffer are relative and point forward, so a new
root table is put *in front of* the old bytes and refers to what lies in them: the weights stay as
they are, byte for byte, and aligned.
"""

from __future__ import annotations

import io
import struct
import zipfile
from typing import TYPE_CHECKING

from kinetrace.errors import MissingExtraError, WeightsError

if TYPE_CHECKING:
    import flatbuffers
    from flatbuffers.table import Table

_ALIGNMENT_BYTES = 16
_FILE_HEADER_BYTES = 30  # of a zip entry, before its name
_EXTRA_HEADER_BYTES = 4
_METADATA_NAME = "TFLITE_METADATA"
# The slots of the table Model in TFLite's schema.fbs; slot n is at 4 + 2 n in its vtable.
_VERSION, _BUFFERS, _METADATA, _FIELDS = 0, 4, 6, 8
_TAKEN_OVER = (1, 2, 3, 5, 7)  # operator_codes, subgraphs, description, metadata_buffer, signatures


def build_pose_bundle(*, detector: bytes, landmarks: bytes) -> bytes:
    """Put a Pose Landmarker bundle together; the same files always give the same bytes.

    Parameters
    ----------
    detector
        ``pose_detection.tflite``; its input is normalised to -1..1.
    landmarks
        ``pose_landmark_lite.tflite``, ``_full`` or ``_heavy``; its input is normalised to 0..1.

    Raises
    ------
    WeightsError
        If one of them is not a TFLite model.
    MissingExtraError
        If mediapipe, which brings the metadata's schema, is not installed.
    """
    return _zip_aligned(
        {
            "pose_detector.tflite": add_normalization(detector, mean=127.5, std=127.5),
            "pose_landmarks_detector.tflite": add_normalization(landmarks, mean=0.0, std=255.0),
        }
    )


def add_normalization(model: bytes, *, mean: float, std: float) -> bytes:
    """Return a TFLite model with metadata that says: an RGB image, ``(value - mean) / std``.

    Raises
    ------
    WeightsError
        If `model` is not a TFLite model.
    MissingExtraError
        If mediapipe is not installed.
    """
    metadata = _image_metadata(mean, std)
    if model[4:8] != b"TFL3":
        raise WeightsError(f"not a TFLite model: it begins with {model[:8]!r}")
    try:
        return _put_in_front(model + bytes(-len(model) % _ALIGNMENT_BYTES), metadata)
    # What flatbuffers and struct raise when an offset leads out of the bytes.
    except (struct.error, IndexError, RuntimeError, TypeError, ValueError) as error:
        raise WeightsError(f"a damaged TFLite model: {error}") from error


def _image_metadata(mean: float, std: float) -> bytes:
    """Serialise the table ModelMetadata for one RGB input."""
    try:
        import flatbuffers
        from mediapipe.tasks.metadata import metadata_schema_py_generated as schema
    except ImportError as error:
        raise MissingExtraError("mediapipe", "mediapipe") from error
    options = schema.NormalizationOptionsT()
    options.mean, options.std = [mean], [std]
    step = schema.ProcessUnitT()
    step.optionsType, step.options = schema.ProcessUnitOptions.NormalizationOptions, options
    image = schema.ImagePropertiesT()
    image.colorSpace = schema.ColorSpaceType.RGB
    content = schema.ContentT()
    content.contentPropertiesType = schema.ContentProperties.ImageProperties
    content.contentProperties = image
    tensor = schema.TensorMetadataT()
    tensor.name, tensor.content, tensor.processUnits = "image", content, [step]
    subgraph = schema.SubGraphMetadataT()
    subgraph.inputTensorMetadata = [tensor]
    metadata = schema.ModelMetadataT()
    metadata.subgraphMetadata = [subgraph]
    builder = flatbuffers.Builder()
    builder.Finish(metadata.Pack(builder), b"M001")
    return bytes(builder.Output())


def _put_in_front(old: bytes, metadata: bytes) -> bytes:
    """Write a new root table before a model whose length is a multiple of the alignment."""
    from flatbuffers import Builder
    from flatbuffers.table import Table

    size = len(old)
    model = Table(old, struct.unpack_from("<I", old)[0])
    buffers = _positions(model, _BUFFERS)
    others = [p for p in _positions(model, _METADATA) if _name(old, p) != _METADATA_NAME]
    builder = Builder(size + len(metadata) + 4 * (len(buffers) + len(others)) + 1024)
    builder.head -= size  # a builder writes from its end to its beginning
    builder.Bytes[builder.head :] = old
    builder.minalign = _ALIGNMENT_BYTES

    # A builder counts offsets from the end: what is at p in the old bytes is at size - p.
    buffer = _buffer(builder, metadata)
    entry = _metadata_entry(builder, len(buffers))
    all_buffers = _vector(builder, [*(size - p for p in buffers), buffer])
    all_metadata = _vector(builder, [*(size - p for p in others), entry])
    builder.StartObject(_FIELDS)
    builder.PrependUint32Slot(_VERSION, _version(model), 0)
    for slot in _TAKEN_OVER:
        if position := _position(model, slot):
            builder.PrependUOffsetTRelativeSlot(slot, size - position, 0)
    builder.PrependUOffsetTRelativeSlot(_BUFFERS, all_buffers, 0)
    builder.PrependUOffsetTRelativeSlot(_METADATA, all_metadata, 0)
    builder.Finish(builder.EndObject(), b"TFL3")
    return bytes(builder.Output())


def _position(table: Table, slot: int) -> int:
    """Return where in its bytes the vector or string of a table's slot is, 0 for none."""
    offset = table.Offset(4 + 2 * slot)
    return int(table.Indirect(table.Pos + offset)) if offset else 0


def _positions(table: Table, slot: int) -> list[int]:
    """Return where the elements of a vector of tables are."""
    start = _position(table, slot)
    if not start:
        return []
    count = struct.unpack_from("<I", table.Bytes, start)[0]
    return [int(table.Indirect(start + 4 + 4 * i)) for i in range(count)]


def _name(data: bytes, position: int) -> str:
    from flatbuffers.table import Table

    start = _position(Table(data, position), 0)
    length = struct.unpack_from("<I", data, start)[0]
    return data[start + 4 : start + 4 + length].decode()


def _version(model: Table) -> int:
    offset = model.Offset(4 + 2 * _VERSION)
    return int(struct.unpack_from("<I", model.Bytes, model.Pos + offset)[0])


def _buffer(builder: flatbuffers.Builder, data: bytes) -> int:
    vector = builder.CreateByteVector(data)
    builder.StartObject(1)
    builder.PrependUOffsetTRelativeSlot(0, vector, 0)
    return int(builder.EndObject())


def _metadata_entry(builder: flatbuffers.Builder, buffer_index: int) -> int:
    name = builder.CreateString(_METADATA_NAME)
    builder.StartObject(2)
    builder.PrependUOffsetTRelativeSlot(0, name, 0)
    builder.PrependUint32Slot(1, buffer_index, 0)
    return int(builder.EndObject())


def _vector(builder: flatbuffers.Builder, offsets: list[int]) -> int:
    builder.StartVector(4, len(offsets), 4)
    for offset in reversed(offsets):
        builder.PrependUOffsetTRelative(offset)
    return int(builder.EndVector())


def _zip_aligned(entries: dict[str, bytes]) -> bytes:
    """Zip without compression, each entry's data at a multiple of 16 bytes, without the time."""
    bundle = io.BytesIO()
    with zipfile.ZipFile(bundle, "w", zipfile.ZIP_STORED) as archive:
        for name, data in entries.items():
            info = zipfile.ZipInfo(name)  # dated 1980: the bytes depend on the entries alone
            info.create_system = 3  # else the platform's own
            header_bytes = _FILE_HEADER_BYTES + len(name)
            padding = -(bundle.tell() + header_bytes + _EXTRA_HEADER_BYTES) % _ALIGNMENT_BYTES
            # An extra field of the kind that Android's zipalign uses: id, length, what it holds.
            info.extra = struct.pack("<HH", 0xD935, padding) + bytes(padding)
            archive.writestr(info, data)
    return bundle.getvalue()
