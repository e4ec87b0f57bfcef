"""What we do: procedures as structured, balanced pages; before/after cases under consent."""

import uuid
from collections import defaultdict

from django.core.exceptions import ValidationError
from django.core.validators import FileExtensionValidator
from django.db import models
from django.db.models.functions import Lower
from django.urls import reverse

from practice.caching import edition
from practice.media.drawings import validate_drawing
from practice.media.pictures import PictureField
from practice.models import Surgeon
from practice.publishing import Publishable

from . import editorial

MARKDOWN = "Markdown: blank line for a paragraph, “- ” for a list, **bold**. "


class Category(models.Model):
    name = models.CharField(max_length=80, unique=True)
    slug = models.SlugField(unique=True)
    summary = models.CharField(max_length=300, blank=True)
    position = models.PositiveSmallIntegerField(default=0, help_text="Lower comes first.")

    class Meta:
        ordering = ["position", Lower("name")]
        verbose_name_plural = "categories"

    def __str__(self):
        return self.name

    @classmethod
    def with_procedures(cls, now=None, start=0, number=None):
        """Querysets of what one page of a list of procedures shows, for `grouped`: those from
        the place `start` on, and one more, by which it is known that the list goes on."""
        published = Procedure.objects.published(now).order_by(*Procedure.LISTED)
        # Sorted by key alone: whole rows are long.
        keys = published.values("pk")[start : start + (number or Procedure.PER_PAGE + 1)]
        shown = Procedure.objects.filter(pk__in=keys).order_by(*Procedure.LISTED)
        return {"categories": cls.objects.all(), "procedures": shown.only(*Procedure.IN_LISTS)}

    @staticmethod
    def grouped(categories, procedures, **others):
        """Categories that have something to show, each with its `published` procedures. The
        last one says whether the list `goes_on` after it."""
        published = defaultdict(list)
        for procedure in procedures:
            published[procedure.category_id].append(procedure)
        groups = []
        room = Procedure.PER_PAGE
        for category in categories:
            category.published = published[category.pk][:room]
            room -= len(category.published)
            if category.published:
                groups.append(category)
        if groups:
            groups[-1].goes_on = len(procedures) > Procedure.PER_PAGE
        return groups


class Procedure(Publishable):
    """One procedure page. `editorial` says which sections it must have to be published."""

    name = models.CharField(max_length=120)
    slug = models.SlugField(unique=True)
    category = models.ForeignKey(Category, models.PROTECT, related_name="procedures")
    also_known_as = models.TextField(
        blank=True,
        help_text="Other names that patients type, one on each line. Search finds them.",
    )
    summary = models.CharField(
        "one-line summary", max_length=200, help_text="Lists and search results show it."
    )
    position = models.PositiveSmallIntegerField(default=0, help_text="Lower comes first.")

    hero = PictureField("main picture", upload_to="procedures/", blank=True)
    hero_alt = models.CharField("main picture in words", max_length=250, blank=True)
    diagram = models.FileField(
        upload_to="diagrams/",
        blank=True,
        validators=[FileExtensionValidator(["svg"]), validate_drawing],
        help_text="An SVG drawing without scripts or outside links.",
    )
    diagram_alt = models.CharField("diagram in words", max_length=400, blank=True)
    diagram_caption = models.CharField(max_length=300, blank=True)

    time_in_theatre = models.CharField(
        "time in the operating room", max_length=80, blank=True, help_text="Such as “2–4 hours”."
    )
    anaesthesia = models.CharField("anesthesia", max_length=80, blank=True)
    hospital_stay = models.CharField(max_length=80, blank=True)
    back_to_work = models.CharField(max_length=80, blank=True)
    results_visible = models.CharField(max_length=80, blank=True)
    results_last = models.CharField(max_length=80, blank=True)

    what_it_is = models.TextField(blank=True, help_text=MARKDOWN)
    who_it_is_for = models.TextField(blank=True, help_text=MARKDOWN)
    who_it_is_not_for = models.TextField(blank=True, help_text=MARKDOWN)
    alternatives = models.TextField(blank=True, help_text=MARKDOWN)
    preparation = models.TextField(blank=True, help_text=MARKDOWN)
    the_day = models.TextField("the day of surgery", blank=True, help_text=MARKDOWN)
    benefits = models.TextField(blank=True, help_text=MARKDOWN)
    risks = models.TextField(blank=True, help_text=MARKDOWN)
    recovery = models.TextField(blank=True, help_text=MARKDOWN)
    when_to_get_help = models.TextField(blank=True, help_text=MARKDOWN)
    cost_and_insurance = models.TextField(blank=True, help_text=MARKDOWN)
    questions_to_ask = models.TextField(
        "questions to ask your surgeon", blank=True, help_text="One on each line."
    )
    photo_views = models.TextField(
        "photographs to ask for",
        blank=True,
        help_text="The views a patient may send after asking for a consultation, one on each line.",
    )

    PARTS = ("faqs", "milestones", "sources", "diagram_parts")
    # What lists of procedures show of each; the rest of a row is long.
    IN_LISTS = ("name", "slug", "summary", "category")
    # How many a page of a list shows, and in which order.
    PER_PAGE = 24
    LISTED = (
        *("category__position", Lower("category__name"), "category_id"),
        *("position", Lower("name"), "pk"),
    )

    related = models.ManyToManyField("self", blank=True)
    surgeons = models.ManyToManyField(Surgeon, through="Performance", related_name="procedures")

    class Meta:
        ordering = ["category__position", "position", Lower("name")]
        indexes = [
            # Holds all that lists are sorted by, so that the long rows need not be read. Of the
            # names, PostgreSQL reads the small letters off it, and SQLite makes them of it.
            models.Index(
                *("status", "category", "position", Lower("name"), "name", "publish_at", "id"),
                name="listed",
            ),
        ]

    def __str__(self):
        return self.name

    def get_absolute_url(self):
        return reverse("procedure", args=[self.slug])

    @property
    def synonyms(self):
        return _lines(self.also_known_as)

    @property
    def other_names(self):
        """The synonyms that the page names: no other spelling of its name, or of the one before.

        Search knows them all.
        """
        named = {_letters(self.name): ""}
        for synonym in self.synonyms:
            named.setdefault(_letters(synonym), synonym)
        return list(named.values())[1:3]

    @property
    def questions(self):
        return _lines(self.questions_to_ask)

    @property
    def views_to_photograph(self):
        return _lines(self.photo_views)

    @property
    def key_facts(self):
        """(label, value) pairs of the facts that are known, in reading order."""
        names = editorial.KEY_FACTS
        pairs = ((self._meta.get_field(name).verbose_name, getattr(self, name)) for name in names)
        return [(label[0].upper() + label[1:], value) for label, value in pairs if value]

    def missing_for_publication(self):
        return editorial.missing(self)

    def clean(self):
        super().clean()
        for picture in ("hero", "diagram"):
            if getattr(self, picture) and not getattr(self, f"{picture}_alt"):
                raise ValidationError(
                    {f"{picture}_alt": "Describe the picture for people who cannot see it."}
                )


def _letters(name):
    """What two spellings of a name have in common."""
    return "".join(c for c in name.lower() if c.isalnum())


def _lines(text):
    return [line.strip() for line in text.splitlines() if line.strip()]


class Performance(models.Model):
    """A surgeon performs a procedure, and may feature it on their page."""

    surgeon = models.ForeignKey(Surgeon, models.CASCADE, related_name="performances")
    procedure = models.ForeignKey(Procedure, models.CASCADE, related_name="performances")
    is_featured = models.BooleanField(
        "featured", default=False, help_text="Shown first on the surgeon's page."
    )
    position = models.PositiveSmallIntegerField(default=0, help_text="Lower comes first.")

    class Meta:
        ordering = ["-is_featured", "position", "pk"]
        verbose_name = "procedure performed"
        verbose_name_plural = "procedures performed"
        constraints = [
            models.UniqueConstraint(fields=["surgeon", "procedure"], name="performs_it_once")
        ]

    def __str__(self):
        return f"{self.surgeon}: {self.procedure}"


class PartOfPage(models.Model):
    """A row that belongs to one procedure page and has a place in its order.

    Its key is random, so that a part which so far exists only in a draft keeps it when the
    draft is published, whatever other rows were added meanwhile.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    position = models.PositiveSmallIntegerField(default=0, help_text="Lower comes first.")

    class Meta:
        abstract = True
        ordering = ["position"]


class Faq(PartOfPage):
    procedure = models.ForeignKey(Procedure, models.CASCADE, related_name="faqs")
    question = models.CharField(max_length=200)
    answer = models.TextField(help_text=MARKDOWN)

    class Meta(PartOfPage.Meta):
        verbose_name = "question and answer"
        verbose_name_plural = "questions and answers"

    def __str__(self):
        return self.question


class RecoveryMilestone(PartOfPage):
    procedure = models.ForeignKey(Procedure, models.CASCADE, related_name="milestones")
    when = models.CharField(max_length=40, help_text="Such as “Day 1” or “Week 2”.")
    title = models.CharField(max_length=100)
    text = models.TextField(blank=True)

    def __str__(self):
        return f"{self.when}: {self.title}"


class Source(PartOfPage):
    """Where a page's statements come from."""

    procedure = models.ForeignKey(Procedure, models.CASCADE, related_name="sources")
    title = models.CharField(max_length=250)
    publisher = models.CharField(max_length=150, blank=True)
    url = models.URLField("address", blank=True)
    year = models.PositiveSmallIntegerField(null=True, blank=True)
    accessed = models.DateField("read on", null=True, blank=True)

    def __str__(self):
        return self.title


class DiagramPart(PartOfPage):
    """A numbered part of the diagram, explained in words beside it."""

    class Kind(models.TextChoices):
        KEPT = "kept", "Kept"
        DIVIDED = "divided", "Cut"
        MOVED = "moved", "Changed"
        LANDMARK = "landmark", "For orientation"

    procedure = models.ForeignKey(Procedure, models.CASCADE, related_name="diagram_parts")
    number = models.PositiveSmallIntegerField()
    label = models.CharField(max_length=80)
    kind = models.CharField(max_length=10, choices=Kind.choices, default=Kind.LANDMARK)
    text = models.TextField(blank=True)

    def __str__(self):
        return f"{self.number}. {self.label}"


class BeforeAfterQuerySet(models.QuerySet):
    def visible(self, today):
        """Cases with a consent on file that covers the web and is in force on this day."""
        return self.filter(
            models.Q(consent_expires_on=None) | models.Q(consent_expires_on__gt=today),
            consent_covers_web=True,
            consent_signed_on__lte=today,
            consent_revoked_on=None,
            is_shown=True,
        )

    def shows(self, name):
        """Whether a picture of this name belongs to a visible case on a published page."""
        return (
            self.visible(edition.current().today)
            .filter(models.Q(before=name) | models.Q(after=name))
            .filter(procedure__in=Procedure.objects.published())
            .exists()
        )


class BeforeAfterCase(models.Model):
    """Two photographs of one patient, shown only while their consent is in force.

    No part of the page's versions: a revoked consent acts at once and cannot be restored.
    """

    position = models.PositiveSmallIntegerField(default=0, help_text="Lower comes first.")
    procedure = models.ForeignKey(Procedure, models.CASCADE, related_name="cases")
    surgeon = models.ForeignKey(Surgeon, models.SET_NULL, null=True, blank=True)
    before = PictureField(upload_to="cases/")
    before_alt = models.CharField("before picture in words", max_length=250)
    after = PictureField(upload_to="cases/")
    after_alt = models.CharField("after picture in words", max_length=250)
    time_after = models.CharField(max_length=60, help_text="Such as “6 months after surgery”.")
    caption = models.CharField(max_length=300, blank=True)
    is_shown = models.BooleanField("show on the page", default=False)

    consent_reference = models.CharField(
        max_length=80, help_text="Where the signed paper is filed. No name, no health details."
    )
    consent_signed_on = models.DateField()
    consent_covers_web = models.BooleanField("consent covers this website", default=False)
    consent_expires_on = models.DateField(null=True, blank=True)
    consent_revoked_on = models.DateField(
        null=True, blank=True, help_text="From this moment neither picture can be reached."
    )

    objects = BeforeAfterQuerySet.as_manager()

    class Meta:
        ordering = ["position", "pk"]
        verbose_name = "before/after case"

    def __str__(self):
        return f"Case {self.pk}: {self.procedure}"
