"""One strict cattrs converter per dialect, made on first use."""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar, cast, get_args, get_origin

import attrs

from firecrawl_interact.errors import ProtocolError
from firecrawl_interact.wire._bounds import Bounds, OutOfBoundsError

if TYPE_CHECKING:
    from cattrs import Converter

T = TypeVar("T")

_JSON_TYPES: dict[type[object], str] = {
    bool: "boolean",
    dict: "object",
    float: "number",
    int: "number",
    list: "array",
    str: "string",
    type(None): "null",
}


@attrs.frozen(kw_only=True)
class Issue:
    """
    One place where a document does not fit its class.

    Attributes:
        path: Keys and indexes that lead to it, as spelt on the wire.

        message: What is wrong there, without the value, which may be a secret.

        missing: True where a required field is absent.

        expected: JSON type that belongs there, where the type is what is wrong; or ``integer``
            or ``time``.

        received: JSON type found there.

        bounds: The rule that was broken, where the type is right.

        value: What broke the rule.
    """

    path: tuple[str | int, ...]
    message: str
    missing: bool = False
    expected: str | None = None
    received: str | None = None
    bounds: Bounds | None = None
    value: Any = attrs.field(default=None, repr=False)

    @property
    def field(self) -> str:
        """Return the path as text, such as ``sessions[0].id``; ``""`` for the document itself."""
        text = ""
        for step in self.path:
            text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
        return text


class MisfitError(ValueError):
    """
    A document does not fit its class.

    Attributes:
        issues: Every misfit found, at least one.
    """

    def __init__(self, issues: tuple[Issue, ...]) -> None:
        first = issues[0]
        super().__init__(f"{first.field or 'the document'} {first.message}")
        self.issues = issues


class Dialect:
    """
    One provider's JSON: how its classes are read and written.

    Reading ignores fields we do not know, converts nothing (``"5"`` is no number) and misses what
    is required. Writing leaves out what is None, if None is the field's default.
    """

    def __init__(self, provider: str, rename: Callable[[str], str] = str) -> None:
        """Take the provider's name, for errors, and the rule that turns our spelling into its own."""
        self._provider = provider
        self._rename = rename
        self._readers: dict[type, Callable[[Any, Any], Any]] = {}
        self._writers: dict[type, Callable[[Any], dict[str, Any]]] = {}

    def structure(self, document: Any, cls: type[T]) -> T:
        """
        Read a JSON document that was decoded already.

        Raises:
            MisfitError: It does not fit the class.
        """
        read = self._readers.get(cls)
        if read is None:
            read = self._readers[cls] = self._quick.get_structure_hook(cls)
        try:
            value: T = read(document, cls)
        except Exception as exc:  # noqa: BLE001 - boundary: whatever a generated hook stumbles over is a misfit
            raise MisfitError(self._explain(document, cls, exc)) from None
        return value

    def unstructure(self, value: object) -> dict[str, Any]:
        """Turn an object of a wire class into what `json.dumps` takes."""
        cls = type(value)
        write = self._writers.get(cls)
        if write is None:
            write = self._writers[cls] = self._quick.get_unstructure_hook(cls)
        return write(value)

    def dumps(self, value: object) -> bytes:
        """Write an object of a wire class as JSON."""
        return json.dumps(self.unstructure(value)).encode()

    def loads(
        self, body: bytes, cls: type[T], *, status: int | None = None, id_path: tuple[str, ...] = ()
    ) -> T:
        """
        Read a provider's answer.

        Args:
            body: The answer as received.

            cls: The class it should fit.

            status: HTTP status of the answer, for the error.

            id_path: Keys that lead to the session's id, for the error.

        Raises:
            ProtocolError: It is no JSON or does not fit; ``session_id`` holds the id if it has one.
        """
        # Raised outside of the handlers: what an error happened in holds the whole answer, links and all.
        document: Any = None
        readable = True
        try:
            document = json.loads(body)
        except (ValueError, RecursionError):
            readable = False
        if not readable:
            raise ProtocolError(f"{self._provider}'s answer is not JSON", field="", status=status)
        try:
            return self.structure(document, cls)
        except MisfitError as error:
            misfit = error
        raise ProtocolError(
            f"{self._provider}'s answer does not fit: {misfit}",
            field=misfit.issues[0].field,
            status=status,
            session_id=dig_text(document, id_path),
        )

    # --- the converters -----------------------------------------------------------------

    @functools.cached_property
    def _quick(self) -> Converter:
        return self._converter(detailed=False)

    @functools.cached_property
    def _thorough(self) -> Converter:
        # Used only once something does not fit: keeping track of paths costs time.
        return self._converter(detailed=True)

    def _converter(self, *, detailed: bool) -> Converter:
        from cattrs import Converter
        from cattrs.gen import make_dict_structure_fn, make_dict_unstructure_fn, override

        converter = Converter(detailed_validation=detailed)

        def overrides(cls: type[Any]) -> dict[str, Any]:
            return {
                field.name: override(rename=self._rename(field.name), omit_if_default=field.default is None)
                for field in attrs.fields(cls)
            }

        def reader(cls: type[Any]) -> Callable[[Any, Any], Any]:
            generated: Callable[[dict[str, Any], Any], Any] = make_dict_structure_fn(
                cls, converter, **overrides(cls)
            )

            def read(document: dict[str, Any], _: Any) -> Any:
                if type(document) is not dict:
                    raise _WrongTypeError("object", document)
                return generated(document, cls)

            return read

        def writer(cls: type[Any]) -> Callable[[Any], dict[str, Any]]:
            return make_dict_unstructure_fn(cls, converter, **overrides(cls))

        converter.register_structure_hook_factory(attrs.has, reader)
        converter.register_unstructure_hook_factory(attrs.has, writer)
        converter.register_structure_hook_factory(_is_array, functools.partial(_array_reader, converter))
        for cls, hook in (
            (str, _text),
            (bool, _boolean),
            (int, _integer),
            (float, _number),
            (datetime, _time),
        ):
            converter.register_structure_hook(cls, hook)
        converter.register_unstructure_hook(datetime, time_text)
        return converter

    # --- what did not fit ---------------------------------------------------------------

    def _explain(self, document: Any, cls: type, exc: Exception) -> tuple[Issue, ...]:
        try:
            self._thorough.structure(document, cls)
        except Exception as detailed:  # noqa: BLE001 - boundary: see `structure`
            exc = detailed
        return tuple(self._issues(exc, ()))

    def _issues(self, exc: Exception, path: tuple[str | int, ...]) -> list[Issue]:
        from cattrs.errors import ClassValidationError

        if isinstance(exc, ClassValidationError):
            noted, others = exc.group_exceptions()
            found = [
                issue
                for inner, note in noted
                for issue in self._issues(inner, (*path, self._rename(note.name)))
            ]
            return found + [issue for inner in others for issue in self._issues(inner, path)]
        if isinstance(exc, _ItemsError):
            return [issue for index, inner in exc.misfits for issue in self._issues(inner, (*path, index))]
        if isinstance(exc, OutOfBoundsError):
            step = self._rename(exc.field)
            message = "is empty" if exc.bounds is None else "is out of bounds"
            return [Issue(path=(*path, step), message=message, bounds=exc.bounds, value=exc.value)]
        if isinstance(exc, _WrongTypeError):
            message = f"must be of type {exc.expected}, not {exc.received}"
            return [Issue(path=path, message=message, expected=exc.expected, received=exc.received)]
        if isinstance(exc, KeyError):
            return [Issue(path=path, message="is missing", missing=True)]
        return [Issue(path=path, message="does not fit")]


def camel_case(name: str) -> str:
    """Turn ``cdp_url`` into ``cdpUrl``."""
    first, *others = name.split("_")
    return first + "".join(map(str.capitalize, others))


def dig_text(document: Any, path: tuple[str, ...]) -> str | None:
    """Return the text at the end of *path*, if there is one; None for an empty path."""
    for key in path:
        document = cast("dict[str, Any]", document).get(key) if isinstance(document, dict) else None
    return document if isinstance(document, str) and document else None


def time_text(value: datetime) -> str:
    """Write an instant the way JavaScript does: UTC, milliseconds, ``Z``."""
    return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


# --- hooks: check, never convert ---------------------------------------------------------


class _WrongTypeError(TypeError):
    def __init__(self, expected: str, value: object) -> None:
        super().__init__(expected)
        self.expected = expected
        cls = type(value)
        self.received = _JSON_TYPES.get(cls, cls.__name__)


class _ItemsError(ValueError):
    """Items of an array that do not fit, with their indexes."""

    def __init__(self, misfits: list[tuple[int, Exception]]) -> None:
        super().__init__("items do not fit")
        self.misfits = misfits


def _is_array(cls: Any) -> bool:
    return get_origin(cls) is list


def _array_reader(converter: Converter, cls: Any) -> Callable[[Any, Any], list[Any]]:
    # cattrs' own hook takes any iterable: the text "ab" would become ["a", "b"].
    (item_cls,) = get_args(cls)
    read_item = converter.get_structure_hook(item_cls)

    def read(value: list[Any], _: Any) -> list[Any]:
        if type(value) is not list:
            raise _WrongTypeError("array", value)
        if not converter.detailed_validation:
            return [read_item(item, item_cls) for item in value]
        items: list[Any] = []
        misfits: list[tuple[int, Exception]] = []
        for index, item in enumerate(value):
            try:
                items.append(read_item(item, item_cls))
            except Exception as exc:  # noqa: BLE001 - boundary: see `Dialect.structure`
                misfits.append((index, exc))
        if misfits:
            raise _ItemsError(misfits)
        return items

    return read


def _text(value: Any, _: Any) -> str:
    if type(value) is not str:
        raise _WrongTypeError("string", value)
    return value


def _boolean(value: Any, _: Any) -> bool:
    if type(value) is not bool:
        raise _WrongTypeError("boolean", value)
    return value


def _integer(value: Any, _: Any) -> int:
    if type(value) is not int:
        raise _WrongTypeError("integer", value)
    return value


def _number(value: Any, _: Any) -> float:
    # An int stays one: credits are whole today, and 3 should not print as 3.0.
    if type(value) is not int and (type(value) is not float or not math.isfinite(value)):
        raise _WrongTypeError("number", value)
    return value


def _time(value: Any, _: Any) -> datetime:
    """Read ISO 8601 and PostgreSQL's text; without a zone it is UTC."""
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise _WrongTypeError("time", value) from None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
