"""What many measurements come down to: medians, percentiles and ratios of pairs."""

from dataclasses import asdict, dataclass, field
from statistics import median

__all__ = ["Result", "median", "percentile", "ratio_of_pairs"]


def percentile(values, percent):
    """The nearest-rank percentile; raises ValueError without values."""
    ordered = sorted(values)
    if not ordered:
        raise ValueError("No values were measured.")
    rank = max(1, -(-len(ordered) * percent // 100))
    return ordered[rank - 1]


def ratio_of_pairs(values, references):
    """The median of value ÷ reference, each made within its own round.

    Raises ValueError when rounds are missing on one side or a reference is zero.
    """
    if len(values) != len(references) or not values:
        raise ValueError("Each value needs the reference of its own round.")
    if not all(references):
        raise ValueError("A reference of zero has no ratio.")
    return median(value / reference for value, reference in zip(values, references, strict=True))


@dataclass
class Result:
    """One line of the report: a measured value beside its reference.

    `target` is the ratio to reach: at least that, or at most that if `is_ceiling`. Without
    a target the line only informs. `rounds` are (value, reference) pairs.
    """

    part: str
    name: str
    unit: str
    rounds: list[tuple[float, float]]
    reference: str
    target: float | None = None
    is_ceiling: bool = False
    note: str = ""
    details: dict = field(default_factory=dict)

    @property
    def value(self):
        return median(value for value, _ in self.rounds)

    @property
    def reference_value(self):
        return median(reference for _, reference in self.rounds)

    @property
    def ratio(self):
        return ratio_of_pairs(*zip(*self.rounds, strict=True))

    @property
    def is_met(self):
        """None where there is no target."""
        if self.target is None:
            return None
        return self.ratio <= self.target if self.is_ceiling else self.ratio >= self.target

    def as_json(self):
        return {
            **asdict(self),
            "value": self.value,
            "reference_value": self.reference_value,
            "ratio": self.ratio,
            "is_met": self.is_met,
        }


def limit(part, name, unit, value, most, **more):
    """A Result for a value that must not exceed a fixed number, such as bytes of a page."""
    return Result(part, name, unit, [(value, most)], "the limit", target=1, is_ceiling=True, **more)
