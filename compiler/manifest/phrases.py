"""Values in the words of a message, and what to write instead of them."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterable, Mapping, Sequence

from compiler.manifest.resolver import ScalarRefusedError, resolve_plain
from compiler.manifest.tree import MappingNode, Node, ScalarNode, SequenceNode

LONGEST_NAME = 63


def show(node: Node) -> str:
    """A value as the user wrote it, short."""
    match node:
        case MappingNode():
            return "a mapping" if node.keys else "an empty mapping"
        case SequenceNode():
            return "a list" if node.items else "an empty list"
        case ScalarNode(value=None):
            return "nothing"
        case ScalarNode(value=bool() | int() | float()):
            return f"`{node.raw}`"
        case ScalarNode(value=value):
            text = str(value)
            return f"`{text if len(text) <= 40 else text[:37] + '…'}`"


def kind(node: Node) -> str:
    match node:
        case MappingNode():
            return "a mapping"
        case SequenceNode():
            return "a list"
        case ScalarNode(value=None):
            return "nothing"
        case ScalarNode(value=bool()):
            return f"the boolean `{node.raw}`"
        case ScalarNode(value=int() | float()):
            return f"the number `{node.raw}`"
        case _:
            return f"the text {show(node)}"


_SHELL = re.compile(r"[|&;<>$*?`~#]")
_LIKE_AN_EXPRESSION = re.compile(r"(?:params|inputs|tasks)\.\w|\w+\(.*\)$|\w+ (?:[<>]=?|[=!]=|in|not in) \w")
_PLAIN = re.compile(r"[A-Za-z0-9_./+=%@^-]+")


def command_hint(text: str) -> str:
    """What to write instead of a command line in one text."""
    if _SHELL.search(text):
        return "list the words of one program: no shell reads them"
    try:
        words = shlex.split(text)
    except ValueError:
        return "list the words of the command"
    written = ", ".join(word if _is_plain_text(word) else json.dumps(word, ensure_ascii=False) for word in words)
    return f"list its words: [{written}]" if 0 < len(written) <= 60 else "list the words of the command"


def expression_hint(node: Node) -> str:
    """What to write instead of a text that would be an expression if it said so; nothing for any other value."""
    text = node.value if isinstance(node, ScalarNode) else None
    if not isinstance(text, str) or "${{" in text or len(text) > 60 or not _LIKE_AN_EXPRESSION.match(text):
        return ""
    return f"write ${{{{ {text} }}}}"


def _is_plain_text(word: str) -> bool:
    """Whether YAML reads a word as this text without quotes."""
    try:
        return bool(_PLAIN.fullmatch(word)) and isinstance(resolve_plain(word), str)
    except ScalarRefusedError:
        return False


def type_hint(node: Node, allowed: list[str], schema: Mapping[str, object]) -> str:
    if not isinstance(node, ScalarNode) or node.value is None:
        return ""
    if "boolean" in allowed and isinstance(node.value, str) and node.value.lower() in ("yes", "no", "on", "off"):
        return f"write {'true' if node.value.lower() in ('yes', 'on') else 'false'}"
    is_number = isinstance(node.value, (int, float)) and not isinstance(node.value, bool)
    codes = schema.get("x-codes")
    code = codes.get("pattern") if isinstance(codes, Mapping) else None
    if is_number and code == "E109":
        return f"add a unit: {node.raw}s"
    if is_number and code == "E110":
        return f"add a unit: {node.raw}MiB"
    if "string" in allowed and "pattern" not in schema:
        return f'quote it: "{node.raw}"'
    return f"write [{node.raw}]" if allowed == ["array"] and len(node.raw) <= 40 and "{{" not in node.raw else ""


def either(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"


def text_hint(code: str, text: str, pattern: str) -> str:
    if code == "E113" and "{{" in text:
        return "name the function itself; choose between functions with several tasks"
    if code == "E113" and ":" not in text and "." in text:
        module, _, function = text.rpartition(".")
        return f"write {module}:{function}"
    if code == "E107" and len(text) > LONGEST_NAME and re.search(pattern, text[:LONGEST_NAME]):
        return f"it has {len(text)} characters; a name has {LONGEST_NAME} at most"
    if code in ("E109", "E110", "E107"):
        for attempt in _attempts(code, text):
            if attempt != text and re.search(pattern, attempt):
                return f"write {attempt}"
    return "leave out the expression" if "{{" in text else ""


def _attempts(code: str, text: str) -> Iterable[str]:
    if code == "E107":
        yield re.sub(r"[^A-Za-z0-9._-]", "-", text)
        yield re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")
        yield re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
        return
    close = re.sub(r"\s+", "", text)
    yield close
    if code == "E109":
        yield re.sub(r"(?i)(ms|[smhd])[a-z]*", lambda found: found.group(1).lower(), close)
    else:
        yield re.sub(r"(?i)([kmg])i?b?$", lambda found: f"{found.group(1).upper()[0]}iB", close).replace("kiB", "KiB")
