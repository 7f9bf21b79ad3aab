"""Requirements of the user's code: one line read (a subset of PEP 508), and a list checked against this interpreter.

Extras are kept but not checked; of markers the comparisons of `python_version`, `sys_platform`,
`platform_system`, `platform_machine` and `implementation_name` are evaluated. Installing and layers are not here.
"""

from __future__ import annotations

import platform
import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from runtime.errors import RequirementMissing
from runtime.versions import parse_specifier, parse_version, satisfies

_NAME = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?"
_LINE = re.compile(rf"(?P<name>{_NAME})\s*(?:\[(?P<extras>[^\]]*)\])?\s*(?P<rest>.*)", re.DOTALL)
_TERM = re.compile(
    r"(?P<left>[a-z_]+)\s*(?P<operator>===|==|~=|!=|<=|>=|<|>|not\s+in|in)\s*(?P<quote>['\"])(?P<right>[^'\"]*)(?P=quote)"
)
_VERSIONED = frozenset({"python_version", "python_full_version", "implementation_version"})
_MARKERS = _VERSIONED | {
    *("os_name", "sys_platform", "platform_machine", "platform_python_implementation", "platform_release"),
    *("platform_system", "platform_version", "implementation_name", "extra"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirement:
    """One requirement. `name` is normalised (PEP 503), `url` replaces `clauses`, `marker` is "" for always."""

    name: str
    written_name: str
    extras: tuple[str, ...] = ()
    clauses: tuple[tuple[str, str], ...] = ()
    url: str = ""
    marker: str = ""

    @property
    def is_pinned(self) -> bool:
        """Whether it names one version exactly."""
        exact = any(op == "===" or (op == "==" and not version.endswith(".*")) for op, version in self.clauses)
        return exact or bool(self.url)

    @property
    def text(self) -> str:
        """The normalised text: two spellings of one requirement have the same."""
        extras = f"[{','.join(self.extras)}]" if self.extras else ""
        where = f" @ {self.url}" if self.url else ",".join(sorted(op + version for op, version in self.clauses))
        return f"{self.name}{extras}{where}" + (f" ; {self.marker}" if self.marker else "")


def normalise_name(name: str) -> str:
    """PEP 503: `Scikit_Learn` and `scikit-learn` are one name."""
    return re.sub(r"[-_.]+", "-", name).lower()


def parse_requirement(line: str) -> Requirement:
    """Raises ValueError with a message for the user."""
    text, _, marker = line.strip().partition(";") if " @ " not in line else line.strip().partition(" ;")
    match = _LINE.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"`{line.strip()}` does not begin with the name of a package")
    name, rest = match["name"], match["rest"].strip()
    extras = tuple(sorted(normalise_name(part) for part in (match["extras"] or "").split(",") if part.strip()))
    if any(re.fullmatch(_NAME, extra) is None for extra in extras):
        raise ValueError(f"`[{match['extras']}]` is not a list of extras")
    marker = " ".join(marker.split())
    if marker:
        marker_holds(marker, {})
    url = rest[1:].strip() if rest.startswith("@") else ""
    if rest.startswith("@") and not re.fullmatch(r"[a-z][a-z0-9+.-]*:\S+", url):
        raise ValueError(f"`{url}` is not a URL")
    return Requirement(
        name=normalise_name(name),
        written_name=name,
        extras=extras,
        clauses=() if url else _clauses(name, rest),
        url=url,
        marker=marker,
    )


def marker_holds(marker: str, environment: Mapping[str, str]) -> bool:
    """Whether an environment marker is true. Raises ValueError for one that is not of the supported form.

    `and` binds more tightly than `or`; parentheses are refused. A variable that `environment` lacks is taken as "".
    """
    return any([all([_term_holds(term, environment) for term in part.split(" and ")]) for part in marker.split(" or ")])


def interpreter_environment() -> dict[str, str]:
    """The marker variables of this interpreter."""
    return {
        "python_version": f"{sys.version_info.major}.{sys.version_info.minor}",
        "python_full_version": platform.python_version(),
        "implementation_name": sys.implementation.name,
        "sys_platform": sys.platform,
        "platform_system": platform.system(),
        "platform_machine": platform.machine(),
    }


def missing_requirements(requirements: Iterable[str]) -> list[str]:
    """For each requirement that this interpreter does not meet one text: what is wanted and what is there."""
    from importlib.metadata import PackageNotFoundError, version

    environment = interpreter_environment()
    missing = []
    for line in requirements:
        wanted = parse_requirement(line)
        if wanted.marker and not marker_holds(wanted.marker, environment):
            continue
        try:
            found = version(wanted.name)
        except PackageNotFoundError:
            missing.append(f"{wanted.text} (not installed)")
            continue
        if not satisfies(found, wanted.clauses):
            missing.append(f"{wanted.text} (installed: {found})")
    return missing


def check_installed(requirements: Iterable[str]) -> None:
    """Raises `RequirementMissing` (E404) that names every requirement this interpreter does not meet."""
    missing = missing_requirements(requirements)
    if missing:
        names = " ".join(f"'{line.partition(' (')[0]}'" for line in missing)
        raise RequirementMissing(
            f"the interpreter of the local service lacks {', '.join(missing)}",
            hint=f"install with: {sys.executable} -m pip install {names}",
        )


def _clauses(name: str, rest: str) -> tuple[tuple[str, str], ...]:
    if rest.startswith("=") and not rest.startswith("=="):
        raise ValueError(f"`{name}{rest}` has a single `=`; a version is pinned with `==`")
    return parse_specifier(rest[1:-1] if rest.startswith("(") and rest.endswith(")") else rest)


def _term_holds(term: str, environment: Mapping[str, str]) -> bool:
    match = _TERM.fullmatch(term.strip())
    if match is None or match["left"] not in _MARKERS:
        raise ValueError(f"`{term.strip()}` is not a marker such as `python_version < '3.12'`")
    left, operator, right = environment.get(match["left"], ""), match["operator"], match["right"]
    if operator.endswith("in"):
        return (left in right) is (operator == "in")
    if match["left"] in _VERSIONED and operator != "===":
        parse_version(right.removesuffix(".*"))
        return bool(left) and satisfies(left, ((operator, right),))
    match operator:
        case "==" | "===":
            return left == right
        case "!=":
            return left != right
    raise ValueError(f"`{operator}` does not compare texts in `{term.strip()}`")
