"""Keep secrets out of everything that is shown, written or sent.

:class:`Secret` never prints itself. :func:`mask` and :class:`Masker` replace secret values,
in the spellings they travel in, wherever output leaves Opsbook.
"""

import base64
import json
from collections.abc import Iterable
from typing import Any, NoReturn
from urllib.parse import quote, quote_plus

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import PydanticCustomError, core_schema

from opsbook.errors import UsageError

HIDDEN = "********"
_SHORTEST = 4
_MOST_HELD = 64


class Secret:
    """Text that shows as ``********`` everywhere but in :meth:`reveal`.

    It refuses to be pickled, so that it cannot end up in a workflow's arguments.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The value itself: for a child's environment or a driver, never for output."""
        return self._value

    def __repr__(self) -> str:
        return f"Secret({HIDDEN})"

    def __str__(self) -> str:
        return HIDDEN

    def __format__(self, spec: str) -> str:
        return HIDDEN

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash((Secret, self._value))

    def __copy__(self) -> "Secret":
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> "Secret":
        return self

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise UsageError("a secret cannot be stored", hint="store its name and resolve it again")

    @classmethod
    def __get_pydantic_core_schema__(
        cls, source: Any, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(
            cls._read, serialization=core_schema.to_string_ser_schema()
        )

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {"type": "string"}

    @classmethod
    def _read(cls, value: Any) -> "Secret":
        if isinstance(value, cls):
            return value
        if not isinstance(value, str):
            raise PydanticCustomError("opsbook", "should be text", {"hint": "put it in quotes"})
        return cls(value)


def spellings(secret: str) -> frozenset[str]:
    """The ways a secret shows up in output: plain, base64, URL-encoded, JSON-escaped.

    Base64 is found inside longer text too: for each of the three alignments the part that
    depends on the secret alone is taken.
    """
    if len(secret) < _SHORTEST:
        return frozenset({secret} if secret else ())
    raw = secret.encode("utf-8", "surrogateescape")
    forms = {secret, quote(secret, safe=""), quote(secret), quote_plus(secret)}
    forms |= {quote(secret, safe="").replace("%", "%25")}
    forms |= {json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]}
    forms |= {repr(secret)[1:-1], raw.hex()}
    for shift in range(3):
        encoded = base64.b64encode(b"\0" * shift + raw).rstrip(b"=").decode()
        start = (0, 2, 3)[shift]
        end = len(encoded) - (1 if (len(raw) + shift) % 3 else 0)
        forms |= {encoded[start:end], encoded[start:end].replace("+", "-").replace("/", "_")}
    forms |= {line for line in secret.splitlines() if len(line) >= 16}
    return frozenset(form for form in forms if len(form) >= _SHORTEST)


def mask(text: str, secrets: Iterable[Secret]) -> str:
    """``text`` with every spelling of every secret replaced by ``********``."""
    forms: set[str] = set()
    for secret in secrets:
        forms |= spellings(secret.reveal())
    for form in sorted(forms, key=len, reverse=True):
        text = text.replace(form, HIDDEN)
    return text


class Masker:
    """Masks a stream of bytes in chunks; a secret split between chunks is still found.

    ``feed`` holds back the end of a chunk only while it could be the start of a secret;
    ``close`` gives what is left.
    """

    def __init__(self, secrets: Iterable[Secret]) -> None:
        forms: set[str] = set()
        for secret in secrets:
            forms |= spellings(secret.reveal())
        encoded = {form.encode("utf-8", "surrogateescape") for form in forms}
        self._forms = sorted(encoded, key=lambda form: (-len(form), form))
        self._held = b""

    def feed(self, chunk: bytes) -> bytes:
        """Take ``chunk``; give the masked bytes that are safe to show now."""
        if not self._forms:
            return chunk
        data = self._held + chunk
        cut = self._whole(data, len(data) - self._unfinished(data))
        if len(data) - cut > _MOST_HELD * len(self._forms[0]):
            data = self._replace(data)
            cut = len(data) - self._unfinished(data)
        self._held = data[cut:]
        return self._replace(data[:cut])

    def close(self) -> bytes:
        """The bytes held back, masked, at the end of the stream."""
        rest, self._held = self._held, b""
        return self._replace(rest)

    def _whole(self, data: bytes, cut: int) -> int:
        """``cut`` moved to the left until it goes through no secret: a longer one may come."""
        moved = True
        while moved:
            moved = False
            for form in self._forms:
                start = data.find(form, max(0, cut - len(form) + 1), cut + len(form) - 1)
                if -1 < start < cut:
                    cut, moved = start, True
        return cut

    def _replace(self, data: bytes) -> bytes:
        for form in self._forms:
            if form in data:
                data = data.replace(form, HIDDEN.encode())
        return data

    def _unfinished(self, data: bytes) -> int:
        longest = 0
        for form in self._forms:
            for size in range(min(len(form) - 1, len(data)), longest, -1):
                if data.endswith(form[:size]):
                    longest = size
                    break
        return longest
