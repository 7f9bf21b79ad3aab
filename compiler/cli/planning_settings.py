"""The settings of planning: is there such a planner, and has it a use for what else is set?

What they mean is told by `runtime.config`; what a planner does with them is its own business.
"""

from __future__ import annotations

from collections.abc import Sequence

from compiler.cli.arguments import UsageError, meant
from compiler.cli.console import YELLOW, Console
from compiler.diagnostics import Diagnostic, ManifestError
from compiler.rendering.text import prose
from runtime.config import CompileSettings
from runtime.settings.layers import Setting, Settings

OF_SOME_PLANNERS = ("workers", "rounds")


def check_planner(settings: Settings) -> None:
    """Raises UsageError for a planner that does not exist."""
    from compiler.planner.strategies import STRATEGIES

    name = settings.of(CompileSettings).planner
    if name not in STRATEGIES:
        hint = f"the planners are {', '.join(sorted(STRATEGIES))}"
        source = _setting(settings, "planner").source
        raise UsageError(f"{source}: there is no planner `{name}`{meant(name, STRATEGIES)}", hint=hint)


def refuse_passes(settings: Settings) -> None:
    """Raises ManifestError (E513) when the plan is to be optimized."""
    passes = settings.of(CompileSettings).optimize
    if passes != "none":
        source = _setting(settings, "optimize").source
        message = f"{source}: plans are not optimized yet, and `optimize` asks for `{passes}`"
        raise ManifestError((Diagnostic(code="E513", message=message, span=None, hint="leave it out, or say `none`"),))


def tell_unheeded(settings: Settings, planners: Sequence[str], console: Console) -> None:
    """Warn of each setting that somebody gave and that some of these planners have no use for."""
    from compiler.planner.strategies import HEEDED

    for setting in [_setting(settings, name) for name in OF_SOME_PLANNERS]:
        if setting.source.startswith("default"):
            continue
        if deaf := [f"`{planner}`" for planner in planners if setting.name not in HEEDED[planner]]:
            text = f"{setting.source}: `{setting.name}` has no effect on a plan of {', '.join(deaf)}"
            console.note(f"{console.paint('warning', YELLOW, console.err)}: {prose(text)}")


def _setting(settings: Settings, name: str) -> Setting:
    (found,) = [setting for setting in settings.all if setting.name == name]
    return found
