"""A lookup for conditions that have to be read by the planner of a partial index."""

from django.db import models


@models.CharField.register_lookup
class Among(models.Lookup):
    """`status__among=OPEN`: like `__in`, with the values written into the SQL.

    SQLite uses a partial index only when the query repeats the index's own condition, and
    it cannot see that in bound parameters. Takes the constants of a TextChoices only.
    """

    lookup_name = "among"
    prepare_rhs = False

    def as_sql(self, compiler, connection):
        values = [str(value) for value in self.rhs]
        if not values or not all(value.isidentifier() for value in values):
            raise ValueError("`among` takes constants that are plain words.")
        left, parameters = self.process_lhs(compiler, connection)
        listed = ", ".join(f"'{value}'" for value in values)
        return f"{left} IN ({listed})", parameters
