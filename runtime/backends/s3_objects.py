"""An object store in an S3 bucket, through boto3, which is imported when the first object is asked for.

Credentials, region and another endpoint (`AWS_ENDPOINT_URL_S3`) are found as boto3 finds them. A large object goes up
in parts and comes down in ranges, each with boto3's own retries.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any

from runtime.config import S3_SCHEME
from runtime.errors import ObjectStoreUnavailable
from runtime.values.bulk import ChunkGone
from runtime.values.packing import Buffer

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

PART_BYTES = 16 * 1024 * 1024
AHEAD_BYTES = 1024 * 1024
RANGE_TRIES = 3
ATTEMPTS = 4
PER_DELETE = 1_000
REGION = "us-east-1"
PASSED_ON = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_CA_BUNDLE")
ABSENT = ("NoSuchKey", "404")
ENDED = ("InvalidRange", "416")
DENIED = ("AccessDenied", "403", "Forbidden", "AllAccessDisabled")
UNKNOWN_KEY = ("InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken")
BUSY = ("SlowDown", "503", "ServiceUnavailable", "InternalError", "500", "Throttling", "RequestTimeout")
CLOCK = ("RequestTimeTooSkewed", "RequestExpired")
FULL = ("QuotaExceeded", "XMinioStorageFull", "InsufficientStorage", "507", "ServiceQuotaExceededException")


class S3Objects:
    """`runtime.backends.objects.Objects` under a prefix of a bucket."""

    def __init__(self, bucket: str, prefix: str) -> None:
        self._bucket = bucket
        self._prefix = prefix
        self.root = f"{S3_SCHEME}{bucket}/{prefix}"

    @cached_property
    def _client(self) -> S3Client:
        import boto3
        from botocore.config import Config

        config = Config(connect_timeout=5, read_timeout=60, retries={"mode": "standard", "max_attempts": ATTEMPTS})
        return boto3.Session().client("s3", region_name=os.environ.get("AWS_REGION") or REGION, config=config)

    def check(self) -> None:
        with self._faults():
            self._client.head_bucket(Bucket=self._bucket)

    def put(self, name: str, parts: Iterable[Buffer]) -> None:
        from boto3.s3.transfer import TransferConfig

        parted = TransferConfig(multipart_threshold=2 * PART_BYTES, multipart_chunksize=PART_BYTES, max_concurrency=2)
        parted.max_in_memory_upload_chunks = 2  # ten by itself: 160 MiB beside the value
        with self._faults():
            file = io.BufferedReader(_Stream(parts), PART_BYTES)
            self._client.upload_fileobj(file, self._bucket, self._key(name), Config=parted)

    def open(self, name: str) -> Callable[[int], bytes] | None:
        with self._faults():
            reader = _Ranges(self._client, self._bucket, self._key(name))
            if not reader.is_there():
                return None

        def read(count: int) -> bytes:
            with self._faults():
                return reader.read(count)

        return read

    def delete(self, name: str) -> None:
        with self._faults():
            self._client.delete_object(Bucket=self._bucket, Key=self._key(name))

    def names(self) -> frozenset[str]:
        with self._faults():
            return frozenset(key.rpartition("/")[2] for key in self._keys())

    def clear(self) -> None:
        with self._faults():
            keys = list(self._keys())
            for first in range(0, len(keys), PER_DELETE):
                part = keys[first : first + PER_DELETE]
                self._client.delete_objects(
                    Bucket=self._bucket, Delete={"Objects": [{"Key": key} for key in part], "Quiet": True}
                )

    def _key(self, name: str) -> str:
        return f"{self._prefix}/{name}"

    def _keys(self) -> Iterator[str]:
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=self._prefix + "/")
        for page in pages:
            yield from (item["Key"] for item in page.get("Contents", ()))

    @contextmanager
    def _faults(self) -> Iterator[None]:
        from boto3.exceptions import Boto3Error
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            yield
        except (ClientError, BotoCoreError, Boto3Error) as err:
            raise self._told(_cause(err)) from err

    def _told(self, err: Exception) -> ObjectStoreUnavailable:
        from botocore.exceptions import ClientError, NoCredentialsError, PartialCredentialsError

        where = f"the object store {S3_SCHEME}{self._bucket}"
        code = error_code(err) if isinstance(err, ClientError) else ""
        if code in ("NoSuchBucket", *ABSENT):
            return ObjectStoreUnavailable(f"{where} has no such bucket", hint="make it, or correct `object_store`")
        if code in DENIED:
            return ObjectStoreUnavailable(
                f"{where} denies access",
                hint="allow s3:ListBucket on the bucket, and s3:GetObject, PutObject and DeleteObject on its objects",
            )
        if code in FULL:
            return ObjectStoreUnavailable(f"{where} is full", hint="make room there, or clean old runs")
        if code in BUSY:
            return ObjectStoreUnavailable(
                f"{where} is overloaded: {code}, {ATTEMPTS} times", hint="try again later, or with fewer environments"
            )
        if code in CLOCK:
            return ObjectStoreUnavailable(
                f"{where} refuses the time of a request: this machine's clock is wrong", hint="set the clock"
            )
        if code in UNKNOWN_KEY or isinstance(err, (NoCredentialsError, PartialCredentialsError)):
            return ObjectStoreUnavailable(f"{where} does not accept the credentials: {err}", hint="see `aws configure`")
        return ObjectStoreUnavailable(f"{where} cannot be used: {err}", hint="check the network and the endpoint")


def client_variables() -> dict[str, str]:
    """This process's credentials and endpoint as environment variables."""
    import boto3

    found = {name: text for name in PASSED_ON if (text := os.environ.get(name))}
    credentials = boto3.Session().get_credentials()
    if credentials is not None:
        frozen = credentials.get_frozen_credentials()
        found |= {"AWS_ACCESS_KEY_ID": frozen.access_key or "", "AWS_SECRET_ACCESS_KEY": frozen.secret_key or ""}
        if frozen.token:
            found["AWS_SESSION_TOKEN"] = frozen.token
    return found


def error_code(err: Any) -> str:
    """The code in a `ClientError`, the HTTP status where there is no better one."""
    return str(err.response.get("Error", {}).get("Code", ""))


def _cause(err: Exception) -> Exception:
    """The service's own answer behind boto3's words about an upload."""
    from botocore.exceptions import ClientError

    inner = err.__cause__ or err.__context__
    return inner if isinstance(inner, ClientError) else err


class _Stream(io.RawIOBase):
    """The parts of an object as one file."""

    def __init__(self, parts: Iterable[Buffer]) -> None:
        self._parts = iter(parts)
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, target: Any) -> int:
        while not self._rest:
            part = next(self._parts, None)
            if part is None:
                return 0
            self._rest = memoryview(part).cast("B")
        count = min(len(target), len(self._rest))
        target[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count


class _Ranges:
    """An object read in ranges, the first of which is some way ahead."""

    def __init__(self, client: S3Client, bucket: str, key: str) -> None:
        self._client = client
        self._bucket = bucket
        self._key = key
        self._at = 0
        self._ahead = b""

    def is_there(self) -> bool:
        from botocore.exceptions import ClientError

        try:
            self._ahead = self._range(AHEAD_BYTES)
        except ClientError as err:
            if error_code(err) in ABSENT:
                return False
            raise
        return True

    def read(self, count: int) -> bytes:
        if count > len(self._ahead):
            self._ahead += self._range(max(count - len(self._ahead), AHEAD_BYTES))
        found, self._ahead = self._ahead[:count], self._ahead[count:]
        return found

    def _range(self, count: int) -> bytes:
        """The next bytes; what breaks off in the middle is asked for again."""
        from botocore.exceptions import BotoCoreError, ClientError

        for left in reversed(range(RANGE_TRIES)):
            try:
                answer = self._client.get_object(
                    Bucket=self._bucket, Key=self._key, Range=f"bytes={self._at}-{self._at + count - 1}"
                )
                data = answer["Body"].read()
            except ClientError as err:
                if error_code(err) in ENDED:
                    return b""
                if error_code(err) in ABSENT and self._at:
                    raise ChunkGone from None
                raise
            except BotoCoreError:
                if not left:
                    raise
                continue
            self._at += len(data)
            return data
        raise AssertionError("the last try returns or raises")
