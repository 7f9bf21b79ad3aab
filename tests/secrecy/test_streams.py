"""Streams and handlers of Python that no filter of the process sees."""

from __future__ import annotations

import io
import logging
import sys
from contextlib import redirect_stdout

from runtime.secrecy.masking import Masks
from runtime.secrecy.streams import hide_in_logging, hiding_streams


def test_a_stream_that_is_not_the_processs_output_hides_secrets() -> None:
    masks, notebook = Masks(), io.StringIO()
    with redirect_stdout(notebook):
        with hiding_streams(masks):
            print("hunter22 is no secret yet")
            masks.add("hunter22")
            print("hunter22")
            assert not sys.stdout.isatty()
        print("hunter22 after")
    assert notebook.getvalue() == "hunter22 is no secret yet\n***\nhunter22 after\n"


def test_what_logging_writes_hides_secrets_whatever_its_formatter() -> None:
    masks, written = Masks(), io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(logging.Formatter("%(levelname)s|%(message)s"))
    logger = logging.getLogger()
    logger.addHandler(handler)
    try:
        masks.add("hunter22")
        for _ in range(2):
            hide_in_logging(masks)
        logger.error("it is %s", "hunter22")
        assert handler.formatter is not None
        assert handler.formatter.usesTime() is False
    finally:
        logger.removeHandler(handler)
    assert written.getvalue() == "ERROR|it is ***\n"
