"""Taking in an upload: straight to its place on the disk, never larger than is allowed."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request

_OPTION_BYTES = 20_000
_HEADER_BYTES = 10_000
_NAME_CHARACTERS = 120

# What OpenAPI says of it, as it is taken in by hand.
BODY = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": ["file"],
                "properties": {
                    "file": {"type": "string", "format": "binary"},
                    "options": {
                        "type": "string",
                        "description": "JobOptions as JSON; what is left out is the default.",
                    },
                },
            }
        }
    },
}


@dataclass
class Upload:
    """What has come in: how the file was called there, its size, and the options' text."""

    name: str = ""
    file_bytes: int = 0
    options: bytes = b""


class _Parts:
    """Takes what the parser finds."""

    def __init__(self, file: IO[bytes], most_bytes: int) -> None:
        self.upload = Upload()
        self.fields: list[str] = []
        self.is_whole = False
        self._file, self._most_bytes = file, most_bytes
        self._name = self._value = b""
        self._headers: dict[bytes, bytes] = {}

    def on_part_begin(self) -> None:
        self._headers = {}
        self._name = self._value = b""

    def on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]
        self._check_header()

    def on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]
        self._check_header()

    def _check_header(self) -> None:
        if len(self._name) + len(self._value) > _HEADER_BYTES:
            raise HTTPException(400, "A header in the form is too long.")

    def on_header_end(self) -> None:
        self._headers[self._name.lower()] = self._value
        self._name = self._value = b""

    def on_headers_finished(self) -> None:
        _, options = parse_options_header(self._headers.get(b"content-disposition", b""))
        name = options.get(b"name", b"").decode("utf-8", "replace")
        if name not in ("file", "options") or name in self.fields:
            raise HTTPException(422, "Send one file, as 'file', and its settings, as 'options'.")
        self.fields.append(name)
        if name == "file":
            self.upload.name = clean_name(options.get(b"filename", b"").decode("utf-8", "replace"))

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        if self.fields[-1] == "options":
            self.upload.options += data[start:end]
            if len(self.upload.options) > _OPTION_BYTES:
                raise HTTPException(422, "The settings are too long.")
            return
        self.upload.file_bytes += end - start
        if self.upload.file_bytes > self._most_bytes:
            raise HTTPException(
                413,
                f"The file is larger than the {self._most_bytes / 1e6:,.1f} MB that are allowed: "
                "cut it, or make its picture smaller.",
            )
        self._file.write(data[start:end])

    def on_end(self) -> None:
        self.is_whole = True


async def take_in(request: Request, path: Path, most_bytes: int) -> Upload:
    """Write the file of a form to a path, as it comes.

    Raises
    ------
    HTTPException
        If it is not such a form, or too large.
    """
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    if kind != b"multipart/form-data" or not options.get(b"boundary"):
        raise HTTPException(415, "Send a form (multipart/form-data) with the file in it.")
    with path.open("wb") as file:
        parts = _Parts(file, most_bytes)
        names = [name for name in dir(parts) if name.startswith("on_")]
        callbacks = {name: getattr(parts, name) for name in names}
        try:
            parser = MultipartParser(options[b"boundary"], callbacks)  # type: ignore[arg-type]
            async for chunk in request.stream():
                parser.write(chunk)
            parser.finalize()
        except FormParserError as error:
            raise HTTPException(400, "The form cannot be read: send it again.") from error
        except ClientDisconnect as error:
            raise HTTPException(400, "The upload broke off: send it again.") from error
        except OSError as error:
            raise HTTPException(
                413, f"The file cannot be kept ({error.strerror}): free some space on the disk."
            ) from error
    if not parts.is_whole:
        raise HTTPException(400, "The upload broke off: send it again.")
    if "file" not in parts.fields or not parts.upload.file_bytes:
        raise HTTPException(422, "There is no file in the form, or it is empty: choose one.")
    return parts.upload


def clean_name(name: str) -> str:
    """Return a file's name as it may be shown: no folders, nothing that cannot be printed."""
    last = name.replace("\\", "/").rpartition("/")[2]
    kept = "".join(c for c in unicodedata.normalize("NFC", last) if c.isprintable())
    return kept.strip(" .")[:_NAME_CHARACTERS] or "unnamed"
