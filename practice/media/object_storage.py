"""Pictures and photographs in an S3 bucket instead of a folder, for several servers.

The bucket is never public: pictures leave through `practice.views.media`, which asks for
the consent of the person shown, and photographs through the admin. So an address here is
our own, nothing is signed into it, and no access list is sent: without one an object is
private on every service, and buckets whose access lists are switched off refuse any.
"""

from contextlib import contextmanager
from urllib.parse import urljoin

from boto3.exceptions import Boto3Error
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from django.core.files.base import ContentFile
from django.utils.encoding import filepath_to_uri
from django.utils.functional import cached_property
from storages.backends.s3 import S3Storage

CHUNK = 64 * 1024
# In seconds. A service that refuses is given up within a second, one that says nothing
# after half a minute.
CONNECT_TIMEOUT, READ_TIMEOUT, TRIES = 2, 10, 3
NOT_FOUND = 404


class StorageUnavailable(OSError):
    """The service cannot be reached, or refuses: what a full disk is for a folder."""


class ObjectStorage(S3Storage):
    """`location` is the folder within the bucket, `base_url` where its files are shown, if at
    all; the other options name bucket and account (practice.environment.bucket)."""

    def __init__(self, *, addressing_style, base_url=None, **options):
        self.base_url = base_url
        config = Config(
            signature_version="s3v4",
            s3={"addressing_style": addressing_style},
            connect_timeout=CONNECT_TIMEOUT,
            read_timeout=READ_TIMEOUT,
            retries={"mode": "standard", "total_max_attempts": TRIES},
            # The newer checksums are not understood by every service that speaks S3.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        )
        super().__init__(client_config=config, **options)

    def get_default_settings(self):
        return super().get_default_settings() | {
            "file_overwrite": False,
            "querystring_auth": False,
            "default_acl": None,
            "transfer_config": TransferConfig(use_threads=False),
        }

    @cached_property
    def connection(self):
        """One for all threads: its client may be shared, and one for each costs 8 MB."""
        return S3Storage.connection.fget(self)

    def url(self, name):
        if self.base_url is None:
            raise ValueError("These files are shown nowhere.")
        return urljoin(self.base_url, filepath_to_uri(name))

    def stream(self, name):
        """The object as an `ObjectStream`. Raises FileNotFoundError, StorageUnavailable."""
        with _in_words():
            return ObjectStream(self.bucket.Object(self._normalize_name(name)).get())

    def exists(self, name):
        with _in_words():
            return super().exists(name)

    def delete(self, name):
        with _in_words():
            super().delete(name)

    def trouble(self):
        """What keeps the bucket from being used, or nothing. Looks, and writes nothing."""
        try:
            self.connection.meta.client.head_bucket(Bucket=self.bucket_name)
        except ClientError as error:
            return f"the object storage answers {_status(error)}"
        except BotoCoreError:
            return "the object storage cannot be reached"
        return ""

    def _open(self, name, mode="rb"):
        """Whole and in memory: what is opened here was made small when it was stored."""
        if mode != "rb":
            raise ValueError("Files are written by `save`.")
        with _in_words():
            return ContentFile(self.stream(name).body.read(), name=name)

    def _save(self, name, content):
        with _in_words():
            return super()._save(name, content)


class ObjectStream:
    """An object on its way: read piece by piece, never held whole."""

    def __init__(self, answer):
        self.body = answer["Body"]
        self.size = answer["ContentLength"]
        self.etag = answer["ETag"]
        self.modified_at = answer["LastModified"]

    def __iter__(self):
        return self.body.iter_chunks(CHUNK)

    def close(self):
        self.body.close()


@contextmanager
def _in_words():
    try:
        yield
    except ClientError as error:
        if _status(error) == NOT_FOUND:
            raise FileNotFoundError("There is no such object.") from None
        raise StorageUnavailable(f"The object storage answers {_status(error)}.") from error
    except (BotoCoreError, Boto3Error) as error:
        raise StorageUnavailable("The object storage cannot be reached.") from error


def _status(error):
    return error.response["ResponseMetadata"]["HTTPStatusCode"]
