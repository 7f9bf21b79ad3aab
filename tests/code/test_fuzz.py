"""Whatever stands in a user's file, the check ends with diagnostics, never with a traceback."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from compiler.code.check import check_code
from compiler.code.units import collect_functions
from compiler.diagnostics import ManifestError
from compiler.graph.expand import expand
from compiler.manifest.model import Source
from compiler.manifest.parse import load_manifest

SOUND = '''"""Doc."""
from __future__ import annotations
import os.path, lib
from lib import (helper as h, *)
from . import sibling
X: int = [i for i in range(3)]
class C(Base, metaclass=M):
    def m(self, *, k=lambda q: q): return super().m(k)
@deco(1)
async def f(a, /, b=1, *args, c, **kw):
    global X
    match a:
        case {"k": [x, *rest], **others}: return importlib.import_module(f"lib.{x}")
        case C(m=1) | None: yield
if __name__ == "__main__": f(1)
'''
PIECES = [
    *SOUND.split(" "),
    "\n",
    "\t",
    "(",
    ")",
    "\x00",
    "é",
    "*",
    "import ",
    "from .. import x\n",
    "def f(:",
    "\\",
    '"""',
]


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """The sound source with a few cuts and insertions."""
    text = SOUND
    for _ in range(draw(st.integers(0, 4))):
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.integers(0, 12)))
        text = text[:start] + draw(st.sampled_from(PIECES)) + text[end:]
    return text


@settings(max_examples=150, deadline=None)
@given(mutated(), mutated(), st.sampled_from(["f", "C.m", "X", "nothing", "h"]))
def test_mutated_code_gives_diagnostics_and_units_agree(app: str, lib: str, name: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "app.py").write_text(app, encoding="utf-8")
        (root / "lib.py").write_text(lib, encoding="utf-8")
        text = f"spec: 1\nname: t\ntasks:\n  t: {{call: 'app:{name}', args: [1]}}\n"
        manifest = load_manifest(Source(file="w.yaml", text=text, root=root))
        found = check_code(manifest)
        assert all(one.code.startswith(("E4", "W4")) and one.span is not None for one in found)
        try:
            collect_functions(expand(manifest, {}))
        except ManifestError as err:
            assert {one.code for one in err.diagnostics} <= {one.code for one in found}
