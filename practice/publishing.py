"""What it means for a page to be live: draft, scheduled, published or withdrawn."""

from contextlib import contextmanager

from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.http import Http404
from django.utils import timezone

from .caching.content_version import raise_version
from .editing.old_addresses import OldAddress, Withdrawn


class PublishableQuerySet(models.QuerySet):
    def published(self, now=None):
        """Pages that patients may see now. A scheduled page goes live by its time alone."""
        return self.filter(
            models.Q(status=Publishable.Status.PUBLISHED)
            | models.Q(status=Publishable.Status.SCHEDULED, publish_at__lte=now or timezone.now())
        )

    def live(self, slug):
        """The page that patients see at `slug`.

        Raises Withdrawn for one that was taken down, and Http404 for any other.
        """
        page = self.published().filter(slug=slug).first()
        if page is not None:
            return page
        if self.filter(slug=slug, status=Publishable.Status.WITHDRAWN).exists():
            raise Withdrawn
        raise Http404


class Publishable(models.Model):
    """Gives a page its life cycle and the dates that its readers may rely on."""

    class Status(models.TextChoices):
        DRAFT = "draft", "Draft"
        SCHEDULED = "scheduled", "Scheduled"
        PUBLISHED = "published", "Published"
        WITHDRAWN = "withdrawn", "Withdrawn"

    status = models.CharField(
        max_length=12,
        choices=Status.choices,
        default=Status.DRAFT,
        db_index=True,
        help_text="Patients see published pages, and scheduled ones once their time has come.",
    )
    publish_at = models.DateTimeField(
        "goes live at",
        null=True,
        blank=True,
        help_text="Only for a scheduled page: practice time.",
    )
    first_published_at = models.DateTimeField(null=True, blank=True, editable=False)
    content_changed_at = models.DateTimeField(default=timezone.now, editable=False)
    content_version = models.PositiveIntegerField(default=1, editable=False)
    reviewed_by = models.CharField(
        "medical reviewer",
        max_length=150,
        blank=True,
        help_text="Name and credentials of the clinician who checked this page. Leave empty "
        "if nobody has: the page then says that it is not medically reviewed.",
    )
    last_reviewed = models.DateField(
        null=True,
        blank=True,
        help_text="The day the reviewer read it. Mending a typing error leaves this alone.",
    )
    unreviewed_note = models.CharField(
        "until then the page says",
        max_length=120,
        blank=True,
        help_text="In place of “Not medically reviewed”, while nobody has reviewed it.",
    )
    review_due = models.DateField(null=True, blank=True, help_text="When it should be read again.")

    objects = PublishableQuerySet.as_manager()

    # Related names of the rows that belong to the page and are versioned with it.
    PARTS = ()
    # Fields whose moment changes what patients see without anybody's act.
    CHANGES_AT = ("publish_at",)
    # What its verbs save, and nothing else: the rest may have been saved by an editor since.
    STATE = ("status", "publish_at")
    VERSION = ("content_version", "content_changed_at")

    class Meta:
        abstract = True

    def save(self, *args, update_fields=None, **kwargs):
        if self.is_live and self.first_published_at is None:
            self.first_published_at = timezone.now()
            if update_fields is not None:
                update_fields = {*update_fields, "first_published_at"}
        moves = update_fields is None or "slug" in update_fields
        was_at = self._address_on_file() if moves else None
        super().save(*args, update_fields=update_fields, **kwargs)
        if was_at and was_at != self.get_absolute_url():
            OldAddress.remember(was_at, self.get_absolute_url())

    @staticmethod
    def live_one_of(pages):
        """The page that patients see, of the one or none (a list) at its address.

        Raises as `live` does.
        """
        page = next(iter(pages), None)
        if page is not None and page.is_live:
            return page
        if page is not None and page.status == Publishable.Status.WITHDRAWN:
            raise Withdrawn
        raise Http404

    @property
    def is_live(self):
        if self.status == self.Status.SCHEDULED:
            return self.publish_at is not None and self.publish_at <= timezone.now()
        return self.status == self.Status.PUBLISHED

    @property
    def is_reviewed(self):
        return bool(self.reviewed_by and self.last_reviewed)

    def begin_new_version(self):
        """Marks the content as changed now; the caller saves the fields of VERSION."""
        self.content_version += 1
        self.content_changed_at = timezone.now()

    def missing_for_publication(self):
        """Findings, each naming its field, that forbid publication. None by default."""
        return []

    @contextmanager
    def locked(self):
        """The page as it is on file, which nobody else changes before the block ends.

        Raises DoesNotExist for one that was deleted since it was read.
        """
        with transaction.atomic():
            raise_version()  # Whoever changes content waits for this first.
            self.refresh_from_db()
            yield

    def publish(self):
        """Makes the saved page live. Raises ValidationError naming every missing field."""
        with self.locked():
            findings = self.missing_for_publication()
            if findings:
                raise ValidationError([f"{each.field}: {each.message}" for each in findings])
            self._become(self.Status.PUBLISHED)

    def withdraw(self):
        """Takes the saved page down: at its address patients read that it was withdrawn."""
        with self.locked():
            self._become(self.Status.WITHDRAWN)

    def unschedule(self):
        """Makes the saved page a draft again."""
        with self.locked():
            self._become(self.Status.DRAFT)

    def clean(self):
        super().clean()
        errors = {}
        if self.status == self.Status.SCHEDULED and self.publish_at is None:
            errors["publish_at"] = "Say when the page goes live, or choose another status."
        if bool(self.reviewed_by) != bool(self.last_reviewed):
            lacking = "last_reviewed" if self.reviewed_by else "reviewed_by"
            errors[lacking] = "A review needs both a reviewer and a date."
        if errors:
            raise ValidationError(errors)

    def _become(self, status):
        self.status, self.publish_at = status, None
        self.save(update_fields=self.STATE)

    def _address_on_file(self):
        """Where the page is found before this save, if anybody can know that address."""
        if self.first_published_at is None:
            return None
        on_file = type(self)._base_manager.filter(pk=self.pk).only("slug").first()
        return on_file and on_file.get_absolute_url()
