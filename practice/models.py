"""Who we are: the practice, its places and hours, its surgeons and its staff accounts."""

from zoneinfo import ZoneInfo, available_timezones

from django.contrib.auth.models import AbstractUser
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models.functions import Lower
from django.urls import reverse
from phonenumber_field.modelfields import PhoneNumberField

from .accounts.session_store import StaffSession
from .caching.content_version import ContentVersion
from .editing.old_addresses import OldAddress
from .editing.revisions import Revision
from .hours import Calendar
from .media.pictures import PictureField
from .operations.job_runs import JobRun, Lease
from .publishing import Publishable

__all__ = [
    "Closure",
    "ContentVersion",
    "JobRun",
    "Lease",
    "Location",
    "OldAddress",
    "OpeningHours",
    "Practice",
    "Revision",
    "StaffSession",
    "Surgeon",
    "User",
]


class User(AbstractUser):
    """A member of staff who may sign in. Ours from the start, so that it can grow."""

    class Meta(AbstractUser.Meta):
        verbose_name = "staff account"
        verbose_name_plural = "staff accounts"
        permissions = [("remove_second_factor", "Can remove a lost second factor")]

    def __str__(self):
        return self.get_full_name() or self.username


def validate_time_zone(name):
    if name not in available_timezones():
        raise ValidationError(
            "“%(name)s” is not a time zone. Use a name such as America/Chicago.",
            params={"name": name},
        )


class Practice(models.Model):
    """The practice itself: one row, number 1."""

    name = models.CharField(max_length=120)
    tagline = models.CharField(max_length=120, blank=True, help_text="The line under the name.")
    summary = models.CharField(
        max_length=300, blank=True, help_text="Two sentences: home page and search results."
    )
    about = models.TextField(blank=True, help_text="How the practice works. Markdown.")
    phone = PhoneNumberField()
    email = models.EmailField()
    emergency_notice = models.TextField(
        help_text="Shown before the first question of the form: what to do in an emergency."
    )
    time_zone = models.CharField(
        max_length=64, default="America/Chicago", validators=[validate_time_zone]
    )
    first_response_minutes = models.PositiveIntegerField(
        "first response within",
        default=240,
        validators=[MinValueValidator(1), MaxValueValidator(60 * 24 * 30)],
        help_text="Working minutes in which a request gets its first reply. Patients are told.",
    )
    retention_months = models.PositiveSmallIntegerField(
        "keep closed requests for",
        default=24,
        validators=[MinValueValidator(1)],
        help_text="Months after closing; then a request is erased. Patients are told.",
    )
    new_request_email = models.EmailField(
        "tell us of new requests at",
        blank=True,
        help_text="Gets a reference and a link for each request, never what was written. "
        "Empty: the practice's own address.",
    )
    privacy = models.TextField("privacy page", blank=True, help_text="Markdown.")
    accessibility = models.TextField("accessibility page", blank=True, help_text="Markdown.")
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name_plural = "practice"
        constraints = [models.CheckConstraint(condition=models.Q(pk=1), name="practice_is_one_row")]

    def __str__(self):
        return self.name

    def save(self, *args, **kwargs):
        self.pk = 1
        super().save(*args, **kwargs)

    @classmethod
    def current(cls):
        """The one row; before it is filled in, the placeholder."""
        return cls.objects.first() or cls.placeholder(phone="+15125550100")

    @classmethod
    def placeholder(cls, **details):
        """An unsaved practice for a site that nobody has filled in yet."""
        return cls(
            pk=1,
            name="Your practice",
            summary="Fill in the practice's details in the admin.",
            emergency_notice="This form is not for emergencies. In an emergency, call 911.",
            **details,
        )

    @property
    def zone(self):
        return ZoneInfo(self.time_zone)

    @property
    def staff_mailbox(self):
        return self.new_request_email or self.email

    def calendar(self):
        """The main location's opening hours less every closure, as a `hours.Calendar`."""
        main = Location.objects.filter(is_main=True).first()
        weekly = {}
        closures = Closure.objects.filter(location=None)
        if main:
            closures = Closure.objects.filter(models.Q(location=None) | models.Q(location=main))
            for hours in main.hours.all():
                weekly.setdefault(hours.weekday, []).append((hours.opens, hours.closes))
        return Calendar(self.zone, weekly, tuple(closures.values_list("first_day", "last_day")))


class Location(Publishable):
    """A place where patients are seen."""

    name = models.CharField(max_length=120)
    slug = models.SlugField(unique=True)
    is_main = models.BooleanField(
        "main location",
        default=False,
        help_text="Its opening hours set the time by which a request is answered.",
    )
    summary = models.CharField(max_length=300, blank=True)
    street = models.CharField(max_length=200)
    city = models.CharField(max_length=100)
    region = models.CharField("state or region", max_length=100, blank=True)
    postal_code = models.CharField(max_length=20, blank=True)
    country = models.CharField(max_length=2, default="US", help_text="Two letters, such as US.")
    phone = PhoneNumberField(blank=True)
    email = models.EmailField(blank=True)
    directions = models.TextField(blank=True, help_text="Markdown.")
    parking = models.TextField(blank=True, help_text="Markdown.")
    access = models.TextField(
        "step-free access", blank=True, help_text="Steps, lift, doors, toilets, hearing loop."
    )

    IN_LISTS = ("name", "slug", "street", "city", "region", "postal_code")

    class Meta:
        ordering = ["-is_main", "name"]
        constraints = [
            models.UniqueConstraint(
                fields=["is_main"],
                condition=models.Q(is_main=True),
                name="one_main_location",
                violation_error_message="Another location is already the main one.",
            )
        ]

    def __str__(self):
        return self.name

    def get_absolute_url(self):
        return reverse("location", args=[self.slug])


class OpeningHours(models.Model):
    """One opening on one weekday. A lunch break is two openings."""

    class Weekday(models.IntegerChoices):
        MONDAY = 0, "Monday"
        TUESDAY = 1, "Tuesday"
        WEDNESDAY = 2, "Wednesday"
        THURSDAY = 3, "Thursday"
        FRIDAY = 4, "Friday"
        SATURDAY = 5, "Saturday"
        SUNDAY = 6, "Sunday"

    location = models.ForeignKey(Location, models.CASCADE, related_name="hours")
    weekday = models.PositiveSmallIntegerField(choices=Weekday.choices)
    opens = models.TimeField()
    closes = models.TimeField()

    class Meta:
        ordering = ["weekday", "opens"]
        verbose_name_plural = "opening hours"
        constraints = [
            models.CheckConstraint(
                condition=models.Q(closes__gt=models.F("opens")),
                name="opens_before_it_closes",
                violation_error_message="Closing time must be after opening time.",
            ),
            models.UniqueConstraint(
                fields=["location", "weekday", "opens"], name="one_opening_at_a_time"
            ),
        ]

    def __str__(self):
        return f"{self.get_weekday_display()} {self.opens:%H:%M}–{self.closes:%H:%M}"

    def clean(self):
        if None in (self.location_id, self.weekday, self.opens, self.closes):
            return
        overlapping = OpeningHours.objects.filter(
            location=self.location_id,
            weekday=self.weekday,
            opens__lt=self.closes,
            closes__gt=self.opens,
        ).exclude(pk=self.pk)
        if overlapping.exists():
            raise ValidationError("These hours overlap others on the same day.")


class ClosureQuerySet(models.QuerySet):
    def upcoming(self, slug, today):
        """Closures that patients of the location at `slug` may still meet, soonest first."""
        return self.filter(
            models.Q(location=None) | models.Q(location__slug=slug), last_day__gte=today
        ).order_by("first_day")


class Closure(models.Model):
    """Days on which nobody works: holidays, leave, repairs."""

    location = models.ForeignKey(
        Location,
        models.CASCADE,
        related_name="closures",
        null=True,
        blank=True,
        help_text="Empty: the whole practice is closed.",
    )
    first_day = models.DateField()
    last_day = models.DateField()
    reason = models.CharField(max_length=120, help_text="Patients see this.")

    objects = ClosureQuerySet.as_manager()

    class Meta:
        ordering = ["first_day"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(last_day__gte=models.F("first_day")),
                name="closure_ends_after_it_begins",
                violation_error_message="The last day must not be before the first.",
            )
        ]

    def __str__(self):
        return f"{self.reason}, {self.first_day:%b} {self.first_day.day}, {self.first_day.year}"


class Surgeon(Publishable):
    """A surgeon's page. Empty facts are left out of it, never filled with praise."""

    user = models.OneToOneField(
        User,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="surgeon",
        help_text="The account with which this surgeon signs in and sees their own requests.",
    )
    name = models.CharField(max_length=120)
    slug = models.SlugField(unique=True)
    post_nominals = models.CharField(max_length=60, blank=True, help_text="Such as MD, FACS.")
    role = models.CharField(max_length=120, blank=True)
    summary = models.CharField(
        max_length=300, blank=True, help_text="One or two sentences: lists and search results."
    )
    certifying_board = models.CharField(max_length=160, blank=True)
    certification_url = models.URLField(
        "check the certification at",
        blank=True,
        help_text="The board's public page where a patient can look this surgeon up.",
    )
    training = models.TextField(blank=True, help_text="Markdown.")
    privileges = models.TextField("hospital privileges", blank=True, help_text="Markdown.")
    memberships = models.TextField(blank=True, help_text="Markdown.")
    languages = models.CharField(max_length=200, blank=True, help_text="Separated by commas.")
    philosophy = models.TextField(
        blank=True, help_text="In the third person, in our words. Markdown."
    )
    quote = models.TextField(blank=True, help_text="Only words this surgeon really said.")
    quote_source = models.CharField(
        max_length=200, blank=True, help_text="Where and when it was said. Required for a quote."
    )
    portrait = PictureField(
        upload_to="portraits/", blank=True, help_text="Without one, the page shows a monogram."
    )
    portrait_alt = models.CharField(
        "portrait in words", max_length=200, blank=True, help_text="For people who cannot see it."
    )
    locations = models.ManyToManyField(Location, blank=True, related_name="surgeons")
    position = models.PositiveSmallIntegerField(default=0, help_text="Lower comes first.")

    # What lists of surgeons show; the rest of a row is long.
    IN_LISTS = ("name", "post_nominals", "slug", "role", "summary", "certifying_board")
    IN_LISTS += ("portrait", "portrait_alt")

    class Meta:
        ordering = ["position", Lower("name")]

    def __str__(self):
        return self.full_name

    def get_absolute_url(self):
        return reverse("surgeon", args=[self.slug])

    @property
    def full_name(self):
        return f"{self.name}, {self.post_nominals}" if self.post_nominals else self.name

    @property
    def monogram(self):
        words = self.name.split()
        return "".join(word[0] for word in (words[0], words[-1])[: len(words)]).upper()

    def clean(self):
        super().clean()
        errors = {}
        if self.portrait and not self.portrait_alt:
            errors["portrait_alt"] = "Describe the portrait for people who cannot see it."
        if self.quote and not self.quote_source:
            errors["quote_source"] = "Say where and when this was said, or leave the quote out."
        if errors:
            raise ValidationError(errors)
