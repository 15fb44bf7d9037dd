"""The base of dataclasses whose fields are all arrays with one entry for each row."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Self

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Columnar:
    """Arrays of equal length, along the first axis of each."""

    def select(self, chosen: NDArray[np.bool_] | slice) -> Self:
        """Return the rows that a mask of shape (rows,), or a slice, chooses."""
        # Not fields(): it makes a tuple at each call, and this is called for every mean of one location.
        return type(self)(*[getattr(self, name)[chosen] for name in self.__dataclass_fields__])

    def lock(self) -> None:
        """Make every array read-only."""
        for field in fields(self):
            getattr(self, field.name).flags.writeable = False

    @classmethod
    def concatenate(cls, parts: Sequence[Self]) -> Self:
        """Return the rows of at least one part, in order."""
        return cls(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(cls)))
