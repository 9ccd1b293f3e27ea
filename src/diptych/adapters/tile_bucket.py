"""A log's public files in an S3-compatible store: each object is written whole, and is durable once the store says so.

Which files, and in which order, is left to `roles/log`. Credentials are the client library's to find, as it documents.
The store is trusted with nothing but keeping what everybody may read.
"""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Protocol

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from diptych.errors import Conflict, FormatError, Unavailable
from diptych.roles.log.service import CHECKPOINT

AT_ONCE = 16
CLAIM = "log.origin"
SCHEME = "s3://"
DELETED_AT_ONCE = 1000

_IMMUTABLE = {"CacheControl": "public, max-age=31536000, immutable", "ContentType": "application/octet-stream"}
_CHANGING = {"CacheControl": "no-cache", "ContentType": "application/octet-stream"}
_TEXT = {"CacheControl": "no-cache", "ContentType": "text/plain; charset=utf-8"}
_ABSENT = ("NoSuchKey", "404", "NotFound")


class _Body(Protocol):
    def read(self) -> bytes: ...


class TileBucket:
    """`TileStore` in a bucket, below a prefix that belongs to one log. One process writes it."""

    def __init__(self, location: str, *, endpoint: str | None, region: str) -> None:
        """`location` is `s3://BUCKET/PREFIX`; `endpoint` the store's URL where it is not Amazon's."""
        bucket, _, prefix = location.removeprefix(SCHEME).partition("/")
        if not location.startswith(SCHEME) or not bucket:
            raise FormatError("log.bucket", f"a bucket is named {SCHEME}BUCKET/PREFIX")
        self._bucket = bucket
        self._prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
        self._client = boto3.client(
            "s3",
            endpoint_url=endpoint,
            region_name=region,
            config=Config(
                connect_timeout=5,
                read_timeout=15,
                retries={"mode": "standard", "max_attempts": 3},
                max_pool_connections=AT_ONCE,
            ),
        )
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="tiles")

    def claim(self, origin: str) -> None:
        """Make the prefix that log's, for good; `Conflict` if it is another's. Call this before anything is written.

        Compared and set in one step by the store (If-None-Match): of two logs that are given one prefix, one stops.
        """
        with _named("log.file.write", CLAIM):
            try:
                self._put(CLAIM, origin.encode(), IfNoneMatch="*", **_TEXT)
            except ClientError as error:
                if _code(error) != "PreconditionFailed":
                    raise
        if self.read(CLAIM) != origin.encode():
            raise Conflict("log.bucket", "that place in the bucket belongs to another log: give this one its own")

    def read(self, path: str) -> bytes | None:
        with _named("log.file.read", path):
            try:
                body: _Body = self._client.get_object(Bucket=self._bucket, Key=self._prefix + path)["Body"]
                return body.read()
            except ClientError as error:
                if _code(error) in _ABSENT:
                    return None
                raise

    def has(self, path: str) -> bool:
        with _named("log.file.read", path):
            try:
                self._client.head_object(Bucket=self._bucket, Key=self._prefix + path)
                return True
            except ClientError as error:
                if _code(error) in _ABSENT:
                    return False
                raise

    def write(self, files: Mapping[str, bytes]) -> None:
        with _named("log.file.write", "the log's files"):
            list(self._threads.map(self._write, files, files.values()))

    def drop(self, paths: Sequence[str]) -> None:
        for path in paths:
            if not path.startswith("tile/"):
                raise FormatError("log.file.path", "only partial tiles are dropped")
            self._delete(f"{path}.p/")

    def forget(self, folder: str) -> None:
        if not folder.startswith("labels/"):
            raise FormatError("log.file.path", "only label shards are forgotten")
        self._delete(f"{folder}/")

    def close(self) -> None:
        """Let go of the connections."""
        self._threads.shutdown()
        self._client.close()

    def _write(self, path: str, data: bytes) -> None:
        is_tile = path.startswith(("tile/", "labels/")) and path != "labels/latest"
        self._put(path, data, **(_IMMUTABLE if is_tile else _TEXT if path == CHECKPOINT else _CHANGING))

    def _put(self, path: str, data: bytes, **more: str) -> None:
        # The library sends a checksum along, and the store refuses what arrived otherwise.
        self._client.put_object(Bucket=self._bucket, Key=self._prefix + path, Body=data, **more)

    def _delete(self, prefix: str) -> None:
        with _named("log.file.write", prefix):
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self._bucket, Prefix=self._prefix + prefix, PaginationConfig={"PageSize": DELETED_AT_ONCE}
            )
            for page in pages:
                keys = [{"Key": found["Key"]} for found in page.get("Contents", ())]
                if keys:
                    self._client.delete_objects(Bucket=self._bucket, Delete={"Objects": keys, "Quiet": True})


@contextmanager
def _named(check: str, path: str) -> Iterator[None]:
    """What the store or the way to it does not do now. Codes are repeated, texts are not."""
    try:
        yield
    except ClientError as error:
        raise Unavailable(check, f"{path}: the store answers {_code(error)}") from error
    except BotoCoreError as error:
        raise Unavailable(check, f"{path}: no answer from the store ({type(error).__name__})") from error


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", "unknown"))
