"""Forms that know what their page showed, so that only what the person changed is changed.

A page may be older than what somebody else has changed since. Its fields send along what they
held (`show_hidden_initial`); what the person left alone is then nobody's wish.
"""

from django.core.exceptions import ValidationError


class AsShown:
    """For a form with such fields."""

    def seen(self):
        """{field: what the page showed}. None, which is true of no row, where it does not say."""
        return {
            name: self._shown(name)
            for name, field in self.fields.items()
            if field.show_hidden_initial
        }

    def changes(self, answers):
        """Those of the cleaned `answers` that the person changed."""
        seen = self.seen()
        return {name: answers[name] for name in seen if answers.get(name, seen[name]) != seen[name]}

    def compare_with(self, row):
        """After a refusal: what was typed stays, what it is compared with is as it is now."""
        self.data = self.data.copy()
        for name in self.seen():
            self.data[self.add_initial_prefix(name)] = str(getattr(row, name))

    def _shown(self, name):
        sent = self.data.get(self.add_initial_prefix(name))
        if sent is None or "\0" in sent:  # PostgreSQL does not look for it.
            return None
        try:
            return self.fields[name].to_python(sent)
        except ValidationError:
            return None
