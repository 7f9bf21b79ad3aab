"""The launcher script of a bundle, rendered from `launch.py.j2`."""

from __future__ import annotations

from importlib.resources import files

import jinja2


def render_launch(*, name: str, package: str) -> bytes:
    """The text of `launch.py` for the workflow `name`; `package` is the digest of the carried runtime."""
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, keep_trailing_newline=True, autoescape=False)
    template = environment.from_string((files("compiler.emit") / "launch.py.j2").read_text(encoding="utf-8"))
    return template.render(name=name, package=package).encode()
