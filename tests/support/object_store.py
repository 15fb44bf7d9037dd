"""An S3 server on the loopback address (moto), for the tests of table addresses."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3
import pytest
import requests
from moto.server import ThreadedMotoServer

BUCKET = "survey"
KEYS = {"AWS_ACCESS_KEY_ID": "AKIAHIDDEN", "AWS_SECRET_ACCESS_KEY": "hidden", "AWS_DEFAULT_REGION": "us-east-1"}


class ObjectStore:
    """An S3 store with one bucket; the environment points S3 clients at it."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._client: Any = boto3.client("s3", endpoint_url=address)
        self._client.create_bucket(Bucket=BUCKET)

    def put(self, key: str, content: bytes) -> str:
        """Write or replace an object; return its address."""
        self._client.put_object(Bucket=BUCKET, Key=key, Body=content)
        return f"s3://{BUCKET}/{key}"

    def empty(self) -> None:
        """Remove all objects."""
        for about in self._client.list_objects_v2(Bucket=BUCKET).get("Contents", []):
            self._client.delete_object(Bucket=BUCKET, Key=about["Key"])

    @contextmanager
    def rejecting_keys(self) -> Iterator[None]:
        """Reject all access keys as unknown."""
        requests.post(f"{self.address}/moto-api/reset-auth", data=b"0", timeout=10)
        try:
            yield
        finally:
            requests.post(f"{self.address}/moto-api/reset-auth", data=b"inf", timeout=10)


@contextmanager
def object_store() -> Iterator[ObjectStore]:
    """Run the store on a free port, and point S3 clients at it by environment variables."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # otherwise it logs each request
    server.start()
    try:
        host, port = server.get_host_and_port()
        with pytest.MonkeyPatch.context() as environment:
            for name, value in {**KEYS, "AWS_ENDPOINT_URL": f"http://{host}:{port}"}.items():
                environment.setenv(name, value)
            yield ObjectStore(f"http://{host}:{port}")
    finally:
        server.stop()
