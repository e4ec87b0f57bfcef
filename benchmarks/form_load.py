"""Patients who send the form: a program of its own, on the core beside the server's.

Prints as JSON how many were accepted, how long each took, and the marker of each. What it
sends is JSON as well: `python -m benchmarks.form_load '{"port": 8000, "seconds": 5, …}'`
"""

import html
import json
import random
import re
import sys
import threading
import time
from urllib.parse import urlencode, urlsplit

from . import http_load

HIDDEN = re.compile(r"<input\b[^>]*>")
CHANCE = random.Random()
# Of Texas, whose numbers from 555-0100 to 0199 belong to nobody.
AREA_CODES = (210, 214, 254, 281, 325, 361, 409, 430, 432, 469, 512, 682, 713, 806, 817, 830, 903)


class Patient:
    """One browser: keeps a cookie and a connection, and comes from its own address each time."""

    def __init__(self, asked):
        self.path, self.host = asked["path"], asked["host"]
        self.answers, self.prefix = asked["answers"], asked["prefix"]
        self.connection = http_load.Connection(asked["port"])
        self.cookies, self.hidden = {}, {}

    def open(self):
        """Fetches the form, with its hidden fields and cookie."""
        self.cookies = {}
        answer = self._ask(self.path)
        text = answer.body.decode()
        self.hidden = dict(_named_value(tag) for tag in HIDDEN.findall(text) if "hidden" in tag)

    def send(self, marker):
        """Posts a person's answers that carry the marker; the address of the confirmation."""
        answers = self.answers | self.hidden
        answers |= {
            "full_name": f"Ada {marker}",
            "email": f"ada.{marker.lower()}@example.com",
            "phone": f"({CHANCE.choice(AREA_CODES)}) 555-01{CHANCE.randrange(100):02}",
        }
        answer = self._ask(self.path, method="POST", body=urlencode(answers).encode())
        if answer.status != 302:
            raise RuntimeError(f"The form was not accepted: {answer.status}")
        return urlsplit(answer.headers["location"]).path

    def see(self, path):
        answer = self._ask(path)
        if answer.status != 200:
            raise RuntimeError(f"The confirmation was not shown: {answer.status}")

    def _ask(self, path, **more):
        # Real patients come from as many networks; the limit for each is not in their way.
        address = ".".join(str(CHANCE.randrange(1, 255)) for _ in range(3))
        more |= {"X_Forwarded_For": f"10.{address}", "Origin": f"https://{self.host}"}
        if self.cookies:
            more["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        answer = self.connection.ask(http_load.message(path, self.host, **more))
        self.cookies |= answer.cookies
        return answer


def _named_value(tag):
    found = dict(re.findall(r'(name|value)="([^"]*)"', tag))
    return html.unescape(found.get("name", "")), html.unescape(found.get("value", ""))


def run(asked):
    """`connections` patients at once for `seconds`. With `whole_visits` each opens the form,
    sends it and sees the confirmation; else the form is opened once and sent again and again."""
    accepted, times, failures = [], [], []
    patients = [Patient(asked) for _ in range(asked["connections"])]
    for patient in patients:
        patient.open()
    if not asked["whole_visits"]:
        time.sleep(asked["reading_seconds"])
    started = time.perf_counter()
    ends = started + asked["seconds"]

    def act(number, patient):
        sent = 0
        try:
            while time.perf_counter() < ends:
                marker = f"{asked['prefix']}n{number}x{sent}"
                began = time.perf_counter()
                if asked["whole_visits"]:
                    patient.open()
                confirmation = patient.send(marker)
                accepted.append(marker)
                if asked["whole_visits"]:
                    patient.see(confirmation)
                times.append(time.perf_counter() - began)
                sent += 1
        except (OSError, RuntimeError) as error:
            failures.append(f"{type(error).__name__}: {error}")

    threads = [threading.Thread(target=act, args=pair) for pair in enumerate(patients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return {
        "accepted": accepted,
        "times": times,
        "failures": failures,
        "seconds": time.perf_counter() - started,
    }


if __name__ == "__main__":
    wanted = json.loads(sys.argv[1])
    http_load.pin(wanted.pop("core"))
    json.dump(run(wanted), sys.stdout)
