"""An S3 server of this machine for tests (moto), reached over HTTP like any other."""

import subprocess
import sys
import urllib.request
from contextlib import contextmanager, suppress

import boto3

from tests.processes import free_port, wait_for

KEY, SECRET, BUCKET = "key-of-the-tests", "secret/of+the tests", "pictures"


class ObjectStore:
    def __init__(self):
        self.port = free_port()
        self.endpoint = f"http://127.0.0.1:{self.port}"
        self.url = f"s3+http://{KEY}:secret%2Fof%2Bthe%20tests@127.0.0.1:{self.port}/{BUCKET}"
        self.client = boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            aws_access_key_id=KEY,
            aws_secret_access_key=SECRET,
            region_name="us-east-1",
        )
        self.process = subprocess.Popen(
            [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self.port)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def wait(self):
        """Until it answers: starting takes it some seconds, in which others may start too."""
        wait_for(self._answers, "the object store answers")
        self.client.create_bucket(Bucket=BUCKET)

    def empty(self):
        for name in self.names():
            self.client.delete_object(Bucket=BUCKET, Key=name)

    def names(self):
        return [each["Key"] for each in self._list()]

    def get(self, name):
        return self.client.get_object(Bucket=BUCKET, Key=name)

    def _list(self):
        return self.client.list_objects_v2(Bucket=BUCKET).get("Contents", [])

    def _answers(self):
        with suppress(OSError), urllib.request.urlopen(f"{self.endpoint}/moto-api/", timeout=2):
            return True
        return False


@contextmanager
def an_object_store():
    store = ObjectStore()
    try:
        yield store
    finally:
        store.process.kill()
        store.process.wait()
