"""A kept service has the settings that it was started with; what a later call wishes is compared with them here."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping

from runtime.addresses import without_password
from runtime.config import LocalSettings
from runtime.errors import LambdaUnavailable
from runtime.local.living import LocalStack
from runtime.settings.layers import Settings
from runtime.settings.values import text_of

OF_THE_SERVICE = ("concurrency_limit", "idle_expiry_s", "request_rate", "start")
ANEW = "treadle local stop && treadle local start"


def differences(status: Mapping[str, object], kept: LocalStack, local: LocalSettings) -> Iterator[str]:
    """Each setting of `local` that the service does not follow, in words."""
    for field in OF_THE_SERVICE:
        has, wished = status.get(field), getattr(local, field)
        if field in status and has != wished:
            yield f"{field.removesuffix('_s')} is {_text(has, field)}, not {_text(wished, field)}"
    if local.redis_url is not None and local.redis_url != kept.redis_url:
        yield f"its Redis is {without_password(kept.redis_url)}; runs use {without_password(local.redis_url)}"


def tell_ignored(stack: LocalStack, settings: Settings) -> None:
    """Warn of settings that somebody gave, and that the stack, which was there before, does not follow."""
    given = {setting.name for setting in settings.all if not setting.source.startswith("default")}
    if stack.started or not given & {field.removesuffix("_s") for field in OF_THE_SERVICE}:
        return
    try:
        status = stack.status()
    except LambdaUnavailable:
        return
    for text in differences(status, stack, settings.of(LocalSettings)):
        if text.split(" ")[0] in given:
            logging.getLogger(__name__).warning("warning: of the kept service %s: %s", text, ANEW)


def _text(value: object, field: str) -> str:
    return "unset" if value is None else text_of(value, field)
