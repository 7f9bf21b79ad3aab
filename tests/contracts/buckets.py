"""An AWS of the tests' own, in this process; what it is asked for goes over real HTTP."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.request import urlopen

import boto3
import pytest
from moto.server import ThreadedMotoServer

VARIABLES = {"AWS_ACCESS_KEY_ID": "tests", "AWS_SECRET_ACCESS_KEY": "tests", "AWS_REGION": "us-east-1"}
ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL_SSM", "AWS_ENDPOINT_URL_SECRETS_MANAGER")


@contextmanager
def aws_server() -> Iterator[str]:
    """A server for S3, parameters and secrets; the environment points boto3 there. Yields the endpoint."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    endpoint = f"http://{host}:{port}"
    urlopen(f"{endpoint}/moto-api/reset", data=b"").close()  # all servers of one process share their state
    with pytest.MonkeyPatch.context() as patch:
        for name, text in {**VARIABLES, **dict.fromkeys(ENDPOINTS, endpoint)}.items():
            patch.setenv(name, text)
        try:
            yield endpoint
        finally:
            server.stop()


@contextmanager
def s3_with(bucket: str) -> Iterator[str]:
    """A server with this bucket, as `aws_server`."""
    with aws_server() as endpoint:
        boto3.client("s3", region_name="us-east-1").create_bucket(Bucket=bucket)
        yield endpoint
