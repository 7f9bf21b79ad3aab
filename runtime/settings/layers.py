"""Where settings come from: command line, environment, `treadle.toml`, defaults, in this order.

`resolve` reads every layer, checks it against the frozen types of `runtime.config`, and remembers for each
value which layer it came from. It is responsible for names and sources; values are read by `runtime.settings.values`,
the file by `runtime.settings.file`, and what a setting means stands beside its field. No other module reads a
`TREADLE_` variable of the client.

A setting's name is its field's without the unit `_s`: `lease_s` is `lease`, written with a unit (`10s`).
In `treadle.toml`, a table named after a backend holds settings for that backend alone, and is checked for every one:

    planner = "wukong"
    linger = "80ms"
    [local]
    concurrency_limit = 6
"""

from __future__ import annotations

import dataclasses
import re
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from runtime.config import CompileSettings, InlineSettings, LocalSettings, WorkerSettings
from runtime.errors import RuntimeFault
from runtime.settings.file import FileUnreadable, SettingsText, read_settings_text
from runtime.settings.values import convert, shown, text_of

PREFIX = "TREADLE_"
NO_SETTINGS = frozenset({"TREADLE_KEYS", "TREADLE_FUNCTION_PREFIX", "TREADLE_PRELOAD", "TREADLE_COMMAND_OF"})
"""What a function of treadle's, or a process that it starts, has in its environment, and may hand down."""

BACKENDS: Mapping[str, type] = {"inline": InlineSettings, "local": LocalSettings}
SHARED: tuple[type, ...] = (CompileSettings, WorkerSettings)

S = TypeVar("S")


class SettingsInvalid(RuntimeFault):
    """A setting is unknown, belongs to another backend, or has a wrong value: all of them at once.

    `rest` is what the right ones come to.
    """

    code = "settings-invalid"
    exit_code = 2

    def __init__(self, mistakes: Sequence[str], rest: Settings) -> None:
        super().__init__(
            "\n".join(mistakes), hint="`treadle doctor` prints every setting that is there, and where it comes from"
        )
        self.mistakes = tuple(mistakes)
        self.rest = rest


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """One source of settings: `origin` maps each name to the words that tell the user where it stands.

    `mistakes` are those of the source itself, found before any setting of it is looked at.
    """

    values: Mapping[str, object]
    origin: Mapping[str, str]
    mistakes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One resolved value. `text` is how the user would write it, `shown` what JSON may hold: neither has a password.

    `group` is "compile", "worker" or the backend.
    """

    name: str
    value: object
    text: str
    source: str
    group: str

    @property
    def shown(self) -> object:
        return self.text if isinstance(self.value, str) else self.value


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
    """What stands for no value, in words."""

    @property
    def name(self) -> str:
        return self.field.removesuffix("_s")


def command_line(pairs: Mapping[str, object]) -> Layer:
    """The layer of the command line; the caller passes only what the user wrote."""
    return Layer(values=pairs, origin=dict.fromkeys(pairs, "command line"))


def environment(environ: Mapping[str, str]) -> Layer:
    """Every `TREADLE_NAME` of `environ` that is there for a setting."""
    named = [key for key in environ if key.startswith(PREFIX) and key not in NO_SETTINGS]
    found = {key.removeprefix(PREFIX).lower(): environ[key] for key in named}
    return Layer(values=found, origin={name: f"environment, {PREFIX}{name.upper()}" for name in found})


def settings_file(folder: Path, *, backend: str) -> Layer:
    """`treadle.toml` in `folder`, if it is there: its top level and, before that, the chosen backend's table."""
    try:
        text = read_settings_text(folder)
    except FileUnreadable as err:
        return Layer(values={}, origin={}, mistakes=(str(err),))
    tables = {name: table for name, table in text.content.items() if isinstance(table, dict) and name in BACKENDS}
    mistakes = [*_misplaced(text)]
    for name, table in tables.items():
        mistakes += _mistakes_in(name, table, text, is_chosen=name == backend)
    flat = {name: value for name, value in text.content.items() if not (name in BACKENDS or _is_table(value))}
    origin = {name: text.place(name) for name in flat}
    foreign = {name: owner for name in flat if not _fits(name, backend) and (owner := _owner(name))}
    for name, owner in foreign.items():
        mistakes.append(f"{origin[name]}: {_unknown(name, backend)}; write it in the table [{owner}]")
        del flat[name]
    own = {name: value for name, value in tables.get(backend, {}).items() if _fits(name, backend)}
    origin |= {name: text.place(name, backend) for name in own}
    return Layer(values=flat | own, origin=origin, mistakes=tuple(mistakes))


def _is_table(value: object) -> bool:
    return isinstance(value, dict) or (isinstance(value, list) and bool(value) and isinstance(value[0], dict))


def _misplaced(text: SettingsText) -> Iterator[str]:
    """Tables that are no backend's, and backends that are no table."""
    names = {slot.name for backend in BACKENDS for slot in _slots_of(backend)}
    for name, value in text.content.items():
        if name in BACKENDS and not isinstance(value, dict):
            place = text.place(name) if text.place(name) != str(text.path) else text.place("", name)
            yield f"{place}: `{name}` is a backend, not {shown(value)}; write its settings in one table [{name}]"
        elif name in names and _is_table(value):
            yield f"{text.place('', name)}: `{name}` is a setting, not a table"
        elif name not in BACKENDS and _is_table(value):
            meant = _meant(name, BACKENDS, lambda close: f"[{close}]")
            yield f"{text.place('', name)}: unknown table [{name}]{meant or f'; the backends are {_listed(BACKENDS)}'}"


def _mistakes_in(backend: str, table: Mapping[str, object], text: SettingsText, *, is_chosen: bool) -> Iterator[str]:
    """Names that are no setting of this backend; values are looked at here unless `resolve` does."""
    slots = {slot.name: slot for slot in _slots_of(backend)}
    for name, value in table.items():
        if name not in slots:
            yield f"{text.place(name, backend)}: {_unknown(name, backend)}"
        elif not is_chosen:
            try:
                convert(value, slots[name].kind, slots[name].field)
            except ValueError as err:
                yield f"{text.place(name, backend)}: `{name}`: {err}"


def _fits(name: str, backend: str) -> bool:
    return any(slot.name == name for slot in _slots_of(backend))


def resolve(layers: Sequence[Layer], *, backend: str) -> Settings:
    """Settings for `backend` from `layers`, the first of which wins. Raises SettingsInvalid naming every mistake."""
    slots = {slot.name: slot for slot in _slots_of(backend)}
    elsewhere = _named_by_references(layers)
    mistakes: list[str] = []
    chosen: dict[str, tuple[object, str]] = {}
    for layer in reversed(layers):
        mistakes += layer.mistakes
        for name, value in layer.values.items():
            where = layer.origin[name]
            if name not in slots:
                if name not in elsewhere:
                    mistakes.append(f"{where}: {_unknown(name, backend)}")
                continue
            try:
                chosen[name] = (convert(value, slots[name].kind, slots[name].field), where)
            except ValueError as err:
                mistakes.append(f"{where}: `{name}`: {err}")
    settings = _assembled(slots, chosen, backend, mistakes)
    if mistakes:
        raise SettingsInvalid([_tame(one) for one in sorted(mistakes, key=_line)], settings)
    return settings


def _assembled(
    slots: Mapping[str, _Slot], chosen: dict[str, tuple[object, str]], backend: str, mistakes: list[str]
) -> Settings:
    typed = _typed(slots, chosen, backend, mistakes)
    follows = _followed(typed, chosen)
    every = []
    for slot in slots.values():
        value = getattr(typed[slot.owner], slot.field)
        source = chosen[slot.name][1] if slot.name in chosen else follows.get(slot.name, "default")
        text = f"({slot.unset})" if value is None else text_of(value, slot.field)
        every.append(Setting(name=slot.name, value=value, text=text, source=source, group=slot.group))
    return Settings(backend=backend, all=tuple(every), _typed=typed)


def _tame(mistake: str) -> str:
    """A name in the file may hold what steers a terminal."""
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in mistake)


def _line(mistake: str) -> int:
    """Mistakes in the file come last, from its top to its end."""
    found = re.match(r"[^`]*?toml:(\d+):", mistake)
    return int(found[1]) if found else 0


def _named_by_references(layers: Sequence[Layer]) -> set[str]:
    """Variables that a setting refers to (`signing_key = "env:TREADLE_TEAM"`) are there for that."""
    start = f"env:{PREFIX}"
    texts = [value for layer in layers for value in layer.values.values() if isinstance(value, str)]
    return {text.removeprefix(start).lower() for text in texts if text.startswith(start)}


def _typed(
    slots: Mapping[str, _Slot], chosen: dict[str, tuple[object, str]], backend: str, mistakes: list[str]
) -> dict[type, object]:
    """Each type with its chosen values; what does not fit together joins the mistakes, and is chosen no more."""
    typed: dict[type, object] = {}
    for owner in (*SHARED, BACKENDS[backend]):
        own = [slot for slot in slots.values() if slot.owner is owner and slot.name in chosen]
        try:
            typed[owner] = owner(**{slot.field: chosen[slot.name][0] for slot in own})
        except ValueError as err:
            mistakes += [f"{_places(line, chosen)}{line}" for line in str(err).splitlines()]
            typed[owner] = owner()
            for slot in own:
                del chosen[slot.name]
    return typed


def _followed(typed: dict[type, object], chosen: Mapping[str, tuple[object, str]]) -> dict[str, str]:
    """Set what follows from another setting when nobody sets it; returns why, by name.

    A commit calls no more workers than environments may live.
    """
    local, worker = typed.get(LocalSettings), typed[WorkerSettings]
    if not isinstance(local, LocalSettings) or not isinstance(worker, WorkerSettings) or "fan_out" in chosen:
        return {}
    typed[WorkerSettings] = dataclasses.replace(worker, fan_out=local.concurrency_limit)
    return {"fan_out": "default, as concurrency_limit"}


def _places(mistake: str, chosen: Mapping[str, tuple[object, str]]) -> str:
    """Where the settings that a mistake names were given."""
    named = dict.fromkeys(chosen[name][1] for name in re.findall(r"`(\w+)`", mistake) if name in chosen)
    return f"{' and '.join(named)}: " if named else ""


@cache
def _slots_of(backend: str) -> tuple[_Slot, ...]:
    names = {CompileSettings: "compile", WorkerSettings: "worker"} | {kind: name for name, kind in BACKENDS.items()}
    return tuple(
        _Slot(names[owner], owner, field.name, hints[field.name], field.metadata.get("unset", "none"))
        for owner in (*SHARED, BACKENDS[backend])
        for hints in (typing.get_type_hints(owner),)
        for field in dataclasses.fields(owner)
    )


def _owner(name: str) -> str:
    """The backend that has this setting; "" for none, or for one of every backend."""
    own = [backend for backend in BACKENDS if _fits(name, backend)]
    return own[0] if len(own) < len(BACKENDS) and own else ""


def _unknown(name: str, backend: str) -> str:
    owner = _owner(name)
    if owner:
        return f"`{name}` is a setting of the backend {owner}, and this is {backend}"
    meant = _meant(name, [slot.name for slot in _slots_of(backend)], lambda close: f"`{close}`")
    return f"there is no setting `{name}`{meant}"


def _meant(name: str, candidates: Iterable[str], quote: Callable[[str], str]) -> str:
    import difflib

    close = difflib.get_close_matches(name.lower().replace("-", "_"), list(candidates), n=1)
    return f"; did you mean {quote(close[0])}?" if close else ""


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)
