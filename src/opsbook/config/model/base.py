"""What all sections share: frozen, closed to unknown keys, named entries."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, PrivateAttr


class Section(BaseModel):
    """A mapping of the ops file. Unknown keys are refused; values never change."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        defer_build=True,
        populate_by_name=False,
        hide_input_in_errors=True,
    )


class Named(Section):
    """An entry of a map of the ops file; ``name`` is its key there."""

    _name: str = PrivateAttr(default="")

    @property
    def name(self) -> str:
        """The key of this entry."""
        return self._name


def give_names(entries: Mapping[str, Named]) -> None:
    """Tell every entry its key."""
    for key, entry in entries.items():
        entry._name = key


def one_or_many(value: Any) -> Any:
    """Take a single value as a list of one."""
    if value is None:
        return ()
    return tuple(value) if isinstance(value, (list, tuple)) else (value,)
