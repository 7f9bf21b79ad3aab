"""Where settings come from: command line, environment, `treadle.toml`, defaults, in this order.

`resolve` reads every layer, checks it against the frozen types of `runtime.config`, and remembers for each
value which layer it came from. It is responsible for names, types and sources; what a setting means stands
beside its field. No other module reads a `TREADLE_` variable of the client.

A setting's name is its field's without the unit `_s`: `lease_s` is `lease`, written with a unit (`10s`).
In `treadle.toml`, a table named after a backend holds settings for that backend alone:

    planner = "wukong"
    linger = "80ms"
    [local]
    concurrency_limit = 6
"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_origin

from runtime.config import CompileSettings, InlineSettings, LocalSettings, WorkerSettings
from runtime.errors import RuntimeFault
from runtime.quantities import format_duration, format_size, parse_duration, parse_size

FILE_NAME = "treadle.toml"
PREFIX = "TREADLE_"
BACKENDS: Mapping[str, type] = {"inline": InlineSettings, "local": LocalSettings}
SHARED: tuple[type, ...] = (CompileSettings, WorkerSettings)

S = TypeVar("S")


class SettingsInvalid(RuntimeFault):
    """A setting is unknown, belongs to another backend, or has a wrong value: all of them at once."""

    code = "settings-invalid"
    exit_code = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """One source of settings: `origin` maps each name to the words that tell the user where it stands."""

    values: Mapping[str, object]
    origin: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One resolved value. `text` is how the user would write it; `group` is "compile", "worker" or the backend."""

    name: str
    value: object
    text: str
    source: str
    group: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Every setting that applies to one backend, typed, with its source."""

    backend: str
    all: tuple[Setting, ...]
    _typed: Mapping[type, object]

    def of(self, kind: type[S]) -> S:
        """The settings of one type, such as `WorkerSettings`."""
        found = self._typed[kind]
        assert isinstance(found, kind)
        return found


@dataclass(frozen=True, slots=True)
class _Slot:
    group: str
    owner: type
    field: str
    kind: Any
    unset: str

    @property
    def name(self) -> str:
        return self.field.removesuffix("_s")


def command_line(pairs: Mapping[str, object]) -> Layer:
    """The layer of the command line; the caller passes only what the user wrote."""
    return Layer(values=pairs, origin=dict.fromkeys(pairs, "command line"))


def environment(environ: Mapping[str, str]) -> Layer:
    """Every `TREADLE_NAME` of `environ`."""
    found = {key.removeprefix(PREFIX).lower(): value for key, value in environ.items() if key.startswith(PREFIX)}
    return Layer(values=found, origin={name: f"environment, {PREFIX}{name.upper()}" for name in found})


def _toml(text: str, path: Path) -> Mapping[str, object]:
    import tomllib

    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as err:
        raise SettingsInvalid(f"{path}: {err}") from err


def settings_file(folder: Path, *, backend: str) -> Layer:
    """`treadle.toml` in `folder`, if it is there: its top level and the chosen backend's table.

    Raises SettingsInvalid when it cannot be read, or when a table is no backend's.
    """
    path = folder / FILE_NAME
    try:
        text = path.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return Layer(values={}, origin={})
    except (OSError, UnicodeDecodeError) as err:
        raise SettingsInvalid(f"{path}: {err}") from err
    content = _toml(text, path)
    tables = {name: table for name, table in content.items() if isinstance(table, dict)}
    problems = list(_foreign_in_tables(tables))
    if problems:
        raise SettingsInvalid("\n".join(f"{path}: {problem}" for problem in problems))
    flat = {name: value for name, value in content.items() if name not in tables}
    flat |= tables.get(backend, {})
    return Layer(values=flat, origin=dict.fromkeys(flat, str(path)))


def resolve(layers: Sequence[Layer], *, backend: str) -> Settings:
    """Settings for `backend` from `layers`, the first of which wins. Raises SettingsInvalid naming every mistake."""
    slots = {slot.name: slot for slot in _slots((*SHARED, BACKENDS[backend]))}
    problems: list[str] = []
    chosen: dict[str, tuple[object, str]] = {}
    for layer in reversed(layers):
        for name, value in layer.values.items():
            where = layer.origin[name]
            if name not in slots:
                problems.append(f"{where}: {_unknown(name, slots, backend)}")
                continue
            try:
                chosen[name] = (_convert(value, slots[name]), where)
            except ValueError as err:
                problems.append(f"{where}: `{name}`: {err}")
    if problems:
        raise SettingsInvalid("\n".join(problems), hint="`treadle doctor` prints every setting and where it comes from")
    return _assemble(slots, chosen, backend)


def _assemble(slots: Mapping[str, _Slot], chosen: Mapping[str, tuple[object, str]], backend: str) -> Settings:
    typed: dict[type, object] = {}
    for owner in (*SHARED, BACKENDS[backend]):
        given = {
            slot.field: chosen[slot.name][0] for slot in slots.values() if slot.owner is owner and slot.name in chosen
        }
        try:
            typed[owner] = owner(**given)
        except ValueError as err:
            raise SettingsInvalid(str(err)) from err
    every = []
    for slot in slots.values():
        value = getattr(typed[slot.owner], slot.field)
        source = chosen[slot.name][1] if slot.name in chosen else "default"
        every.append(Setting(name=slot.name, value=value, text=_text(value, slot), source=source, group=slot.group))
    return Settings(backend=backend, all=tuple(every), _typed=typed)


def _slots(owners: Sequence[type]) -> Iterator[_Slot]:
    names = {CompileSettings: "compile", WorkerSettings: "worker"} | {kind: name for name, kind in BACKENDS.items()}
    for owner in owners:
        hints = typing.get_type_hints(owner)
        for field in dataclasses.fields(owner):
            yield _Slot(names[owner], owner, field.name, hints[field.name], field.metadata.get("unset", "none"))


def _foreign_in_tables(tables: Mapping[str, Mapping[str, object]]) -> Iterator[str]:
    for backend, table in tables.items():
        if backend not in BACKENDS:
            yield f"unknown table [{backend}]; the backends are {', '.join(BACKENDS)}"
            continue
        slots = {slot.name: slot for slot in _slots((*SHARED, BACKENDS[backend]))}
        for name in table:
            if name not in slots:
                yield f"[{backend}]: {_unknown(name, slots, backend)}"


def _unknown(name: str, slots: Mapping[str, _Slot], backend: str) -> str:
    for other, kind in BACKENDS.items():
        if other != backend and name in {slot.name for slot in _slots((kind,))}:
            return f"`{name}` is a setting of the backend {other}, and this is {backend}"
    import difflib

    close = difflib.get_close_matches(name, slots, n=1)
    return f"there is no setting `{name}`" + (f"; did you mean `{close[0]}`?" if close else "")


def _convert(value: object, slot: _Slot) -> object:
    """`value`, text or TOML, as the field's type. Raises ValueError with a text for the user."""
    kind, optional = _without_none(slot.kind)
    if optional and value in (None, ""):
        return None
    if get_origin(kind) is Literal:
        if value not in get_args(kind):
            raise ValueError(f"{value!r} is not one of {', '.join(map(str, get_args(kind)))}")
        return value
    if kind is bool:
        return _boolean(value)
    if kind is str:
        if not isinstance(value, str):
            raise ValueError(f"expected text, found {value!r}")
        return value
    return _number(value, kind, slot.field)


def _boolean(value: object) -> bool:
    known = {"true": True, "false": False}
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in known:
        return known[value.lower()]
    raise ValueError(f"expected true or false, found {value!r}")


def _number(value: object, kind: type, field: str) -> float | int:
    """A count, a duration (field `…_s`) or a size (field `…_bytes`), none of which is negative."""
    if isinstance(value, str) and field.endswith("_s"):
        return parse_duration(value)
    if isinstance(value, str) and field.endswith("_bytes") and not value.isdecimal():
        return parse_size(value)
    if field.endswith("_s"):
        raise ValueError(f'{value!r} has no unit; write a duration such as "30s"')
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise ValueError(f"expected a number, found {value!r}")
    try:
        number = float(value) if kind is float else int(str(value))
    except ValueError as err:
        raise ValueError(f"expected a {'number' if kind is float else 'whole number'}, found {value!r}") from err
    if number < 0:
        raise ValueError(f"{value} is negative")
    return number


def _without_none(kind: Any) -> tuple[Any, bool]:
    if get_origin(kind) in (typing.Union, types.UnionType):
        rest = tuple(part for part in get_args(kind) if part is not type(None))
        return rest[0], len(rest) < len(get_args(kind))
    return kind, False


def _text(value: object, slot: _Slot) -> str:
    if value is None:
        return f"({slot.unset})"
    if slot.field.endswith("_s") and isinstance(value, (int, float)):
        return format_duration(value)
    if slot.field.endswith("_bytes") and isinstance(value, int):
        return format_size(value)
    return str(value).lower() if isinstance(value, bool) else str(value)
