"""What a browser would make of a page: its fields with their values, its messages, its links."""

from html.parser import HTMLParser

VOID = {"input", "img", "br", "hr", "meta", "link", "source", "wbr"}


class Page(HTMLParser):
    """Reads a response. `fields` is what pressing the form's button would send."""

    def __init__(self, response):
        super().__init__()
        self.status = response.status_code
        self.source = response.content.decode()
        self.fields, self.links, self.text_of, self.title = {}, [], {}, ""
        self.summary = {}
        self._open, self._select, self._words = [], None, []
        self.feed(self.source)
        self.close()
        self.text = " ".join(" ".join(self._words).split())

    def error_of(self, name):
        """The message beside a field, or None."""
        return self.text_of.get(f"id_{name}_error")

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        name, value = found.get("name"), found.get("value", "")
        if tag == "input" and name:
            if found.get("type") in ("checkbox", "radio"):
                if "checked" in found:
                    self.fields[name] = value or "on"
            else:
                self.fields[name] = value
        elif tag == "textarea":
            self.fields[name] = ""
        elif tag == "select":
            self._select = name
            self.fields.setdefault(name, "")
        elif tag == "option" and "selected" in found:
            self.fields[self._select] = value
        elif tag == "a":
            self.links.append(found.get("href", ""))
        if tag not in VOID:
            self._open.append((tag, found))

    def handle_endtag(self, tag):
        while self._open:
            closed, found = self._open.pop()
            if closed == "textarea":  # A browser drops the line break behind the opening tag.
                self.fields[found["name"]] = self.fields[found["name"]].removeprefix("\n")
            if closed == tag:
                break

    def handle_data(self, data):
        tags = [tag for tag, _ in self._open]
        if tags and tags[-1] == "textarea":
            self.fields[self._open[-1][1]["name"]] += data
            return
        if "title" in tags:
            self.title += data
            return
        self._words.append(data)
        for _, found in self._open:
            if found.get("id"):
                before = self.text_of.get(found["id"], "")
                self.text_of[found["id"]] = " ".join(f"{before} {data}".split())
        if (
            tags
            and tags[-1] == "a"
            and any("summary" in (f.get("class") or "") for _, f in self._open)
        ):
            self.summary[self._open[-1][1]["href"]] = " ".join(data.split())
