"""A person who asks for a consultation over HTTP, with the patience of people."""

import http.client
import re
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from urllib.parse import urlencode

from tests.pages import Page
from tests.processes import visit

FORM = "/consultation/"
REFERENCE = re.compile(r"\b[0-9A-Z]{5}-[0-9A-Z]{5}\b")
TRIES = 100


@dataclass
class Patient:
    """One person: sends, and when it fails sends the same form again, as people do."""

    site: object
    number: int
    references: set = field(default_factory=set)
    troubles: Counter = field(default_factory=Counter)
    fields: dict = field(default_factory=dict)
    cookie: str = ""
    receipt: str = ""

    @property
    def marker(self):
        return f"marker-{self.number:04d}-end"

    @property
    def address(self):
        return f"198.18.{self.number}.7"

    def visit(self, path, body=None, is_enough=()):
        """Asks again until there is an answer."""
        for _ in range(TRIES):
            try:
                response = visit(
                    self.site, path, body, address=self.address, cookie=self.cookie, timeout=15
                )
            except (OSError, http.client.HTTPException):
                self.troubles["no answer"] += 1
            else:
                if response.status_code < 500 or response.status_code in is_enough:
                    return response
                self.troubles[response.status_code] += 1
                if body is not None:
                    body = self.what_came_back(response)
            time.sleep(0.2)
        return None

    def open(self):
        response = self.visit(FORM)
        self.cookie = response["Set-Cookie"].partition(";")[0]
        self.fields = Page(response).fields | {
            "full_name": f"Pat {self.marker}",
            "email": f"{self.marker}@example.com",
            "phone": f"(512) 555-{self.number + 1000:04d}",
            "message": f"It hurts & it is\r\n<red> {self.marker}",
            "contact_method": "phone",
            "consent_health_data": "on",
        }

    def what_came_back(self, response):
        """The page says that nothing was received; pressing its button sends the same."""
        page = Page(response)
        kept = {name: page.fields.get(name, "").splitlines() for name in self.fields}
        typed = {name: value.splitlines() for name, value in self.fields.items()}
        del kept["csrfmiddlewaretoken"], typed["csrfmiddlewaretoken"]
        if "We did not receive your request" not in page.text or kept != typed:
            self.troubles["a page that does not keep what was typed"] += 1
            return urlencode(self.fields)
        return urlencode(page.fields)

    def send(self):
        response = self.visit(FORM, urlencode(self.fields))
        if response is not None and response.status_code == 302:
            self.receipt = response["Location"]
            confirmation = self.visit(self.receipt, is_enough=[503])
            self.references |= set(REFERENCE.findall(Page(confirmation).text))

    def send_twice_at_once(self):
        with ThreadPoolExecutor(2) as both:
            list(both.map(lambda _: self.send(), range(2)))
