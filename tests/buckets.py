"""An S3-compatible store for tests: moto, which speaks the protocol over HTTP in this process."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager

import boto3
from moto.server import ThreadedMotoServer

BUCKET = "utopia-log"
REGION = "eu-west-3"
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "utopia",
    "AWS_SECRET_ACCESS_KEY": "not a secret",
    "AWS_EC2_METADATA_DISABLED": "true",
}


@contextmanager
def running_store() -> Iterator[str]:
    """The URL of a store with one empty bucket. Its credentials are in the environment meanwhile."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    before = {name: os.environ.get(name) for name in CREDENTIALS}
    os.environ.update(CREDENTIALS)
    try:
        host, port = server.get_host_and_port()
        url = f"http://{host}:{port}"
        where = {"LocationConstraint": REGION}
        client = boto3.client("s3", endpoint_url=url, region_name=REGION)
        client.create_bucket(Bucket=BUCKET, CreateBucketConfiguration=where)
        client.close()
        yield url
    finally:
        server.stop()
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
