"""The session engine: Django's database sessions, in rows that name their user and end in time.

One row is one browser that is signed in, so whoever deletes the row signs that browser out.
The key is stored as a digest and the content encrypted: staff search for patients by name,
and what they searched for is kept here.
"""

import hashlib
import uuid
from datetime import timedelta

from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore as StockStore
from django.contrib.sessions.base_session import AbstractBaseSession
from django.db import models
from django.utils import timezone
from django.utils.formats import localize
from django.utils.timezone import localtime

from .. import encryption

# Not every request writes: the end is exact to a minute.
BETWEEN_TOUCHES = timedelta(minutes=1)
LONGEST_DEVICE = 200
BROWSERS = (("Edg", "Edge"), ("OPR/", "Opera"), ("Firefox", "Firefox"), ("Chrome", "Chrome"))
SYSTEMS = ("iPhone", "iPad", "Android", "Windows", "Macintosh", "Linux")


def stored_key(key: str) -> str:
    """What the database holds of a cookie: a copy of the database opens no session."""
    return hashlib.sha256(key.encode()).hexdigest()[:40]


class StaffSession(AbstractBaseSession):
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, null=True, related_name="sessions"
    )
    # Names the session on a page and in a form: its key is shown to nobody.
    handle = models.UUIDField(default=uuid.uuid4, editable=False)
    started_at = models.DateTimeField(default=timezone.now)
    active_at = models.DateTimeField(default=timezone.now)
    address = models.GenericIPAddressField(null=True)
    device = models.CharField(max_length=LONGEST_DEVICE, blank=True)

    class Meta:
        verbose_name = "signed-in browser"
        default_permissions = ()  # Nobody edits these.

    def __str__(self):
        return f"Signed in {localize(localtime(self.started_at))}"

    @classmethod
    def get_session_store_class(cls):
        return SessionStore

    @property
    def ends_at(self):
        """UTC; the settings decide, so that a shorter limit holds for open sessions too."""
        idle = self.active_at + timedelta(minutes=settings.SESSION_IDLE_MINUTES)
        return min(idle, self.latest_end)

    @property
    def latest_end(self):
        return self.started_at + timedelta(hours=settings.SESSION_HOURS)

    @property
    def device_name(self):
        """“Firefox on Windows”: enough to know one's own devices apart."""
        browser = next((name for sign, name in BROWSERS if sign in self.device), "")
        if not browser and "Safari" in self.device:
            browser = "Safari"
        system = next((name for name in SYSTEMS if name in self.device), "")
        names = (browser or "A browser", system.replace("Macintosh", "Mac"))
        return " on ".join(name for name in names if name)


class SessionStore(StockStore):
    row = None  # What the database holds of this session.
    has_run_out = False  # Whether it was found past its end.

    @classmethod
    def get_model_class(cls):
        return StaffSession

    def encode(self, session_dict):
        return encryption.encrypt(self.serializer().dumps(session_dict).decode("latin-1"))

    def decode(self, session_data):
        """Content whose key is gone or that was altered is no session."""
        try:
            return self.serializer().loads(encryption.decrypt(session_data).encode("latin-1"))
        except encryption.DecryptionError:
            return {}

    def exists(self, session_key):
        return super().exists(stored_key(session_key))

    def delete(self, session_key=None):
        key = session_key or self.session_key
        if key:
            StaffSession.objects.filter(pk=stored_key(key)).delete()

    def flush(self):
        super().flush()
        self.row = None

    def _get_session_from_db(self):
        row = StaffSession.objects.filter(pk=stored_key(self.session_key)).first()
        if row and row.ends_at <= timezone.now():
            row.delete()
            row, self.has_run_out = None, True
        if row is None:
            self._session_key = None
        self.row = row
        return row

    def create_model_instance(self, data):
        row = self.row or StaffSession()
        row.session_key = stored_key(self._get_or_create_session_key())
        row.session_data = self.encode(data)
        row.user_id = int(data[SESSION_KEY]) if SESSION_KEY in data else None
        row.expire_date = row.ends_at
        self.row = row
        return row

    def begin(self, *, address, device):
        """Somebody has signed in: both clocks start. Saved with the rest of the session."""
        row = self.row = self.row or StaffSession()
        row.started_at = row.active_at = timezone.now()
        row.address, row.device = address, device
        self.modified = True

    def touch(self):
        """A person is at work: the idle clock starts anew. Writes at most once a minute.

        By an update of its own: saving the session would also write back what another
        request may have changed in it meanwhile.
        """
        self._get_session()
        row, now = self.row, timezone.now()
        if row and row.user_id and now - row.active_at >= BETWEEN_TOUCHES:
            row.active_at = now
            row.expire_date = row.ends_at
            StaffSession.objects.filter(pk=row.pk).update(
                active_at=now, expire_date=row.expire_date
            )

    @property
    def seconds_left(self):
        """Until the session ends if nothing is done; 0 for nobody's."""
        if not (self.row and self.row.user_id):
            return 0
        return max(0, int((self.row.ends_at - timezone.now()).total_seconds()))

    @property
    def can_go_on(self):
        """Whether being active would make the session last longer."""
        return bool(self.row) and self.row.ends_at < self.row.latest_end
