"""What a ``with`` block closes at its end."""

from __future__ import annotations

from abc import ABC, abstractmethod
from types import TracebackType
from typing import TypeVar

Itself = TypeVar("Itself", bound="Closing")


class Closing(ABC):
    """Something that is closed at the end of a ``with`` block, whether that succeeded or failed.

    What ends in another way when the block fails, such as a file that is then left as a part,
    is none of these.
    """

    @abstractmethod
    def close(self) -> None:
        """Free what is held. Closing twice is fine."""

    def __enter__(self: Itself) -> Itself:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
