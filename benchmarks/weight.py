"""How many bytes and requests the first view of a page takes, over HTTP as a browser asks."""

from contextlib import ExitStack
from html.parser import HTMLParser

from . import servers
from .measures import limit

FIRST_WINDOW = 14_600  # The first congestion window of TCP: ten segments (RFC 6928).
MOST_REQUESTS = 3
PAGES = (
    ("Home page", "/"),
    ("Procedure page", "/procedures/rhinoplasty/"),
    ("Surgeon page", "/surgeons/{surgeon}/"),
    ("Form", "/consultation/"),
)
AS_BROWSERS = {"Accept_Encoding": "gzip, deflate, br", "Accept": "text/html,*/*"}


class FirstView(HTMLParser):
    """The addresses that a browser fetches before the first view is complete."""

    def __init__(self, text):
        super().__init__()
        self.styles, self.fonts, self.scripts, self.pictures = [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        if tag == "link" and found.get("rel") == "stylesheet":
            if found.get("media", "all") != "print":
                self.styles.append(found["href"])
        elif tag == "link" and found.get("rel") == "preload" and found.get("as") == "font":
            self.fonts.append(found["href"])
        elif tag == "script" and found.get("src"):
            if not {"defer", "async"} & set(found) and found.get("type") != "module":
                self.scripts.append(found["src"])
        elif tag == "img" and found.get("src") and found.get("loading") != "lazy":
            self.pictures.append(found["src"])


def measure(folder, options, progress):
    progress.add(len(PAGES))
    with ExitStack() as stack:
        site = servers.Site(folder / "weight", f"sqlite:///{folder}/weight.sqlite3")
        site.prepare()
        server = stack.enter_context(
            servers.serving("practice.wsgi:application", site.environment, site.folder, "/")
        )
        results = []
        for name, path in servers.addresses(server, PAGES):
            results += _weighed(server, name, path)
            progress.step()
        return results


def _weighed(server, name, path):
    compressed = len(server.ask(path, **AS_BROWSERS).body)
    view = FirstView(server.ask(path).body.decode())

    def size(addresses):
        return sum(len(server.ask(each, **AS_BROWSERS).body) for each in set(addresses))

    sizes = {
        "html": compressed,
        "styles": size(view.styles),
        "scripts": size(view.scripts),
        "fonts": size(view.fonts),
        "pictures": size(view.pictures),
    }
    critical = sizes["html"] + sizes["styles"] + sizes["scripts"]
    blocking = 1 + len(set(view.styles)) + len(set(view.scripts))
    return [
        limit("weight", f"{name}: HTML and CSS", "bytes", critical, FIRST_WINDOW, details=sizes),
        limit(
            "weight",
            f"{name}: requests before the first view",
            "requests",
            blocking + len(set(view.fonts)),
            MOST_REQUESTS,
            note="HTML, style sheets, blocking scripts and the font that wide screens preload",
        ),
    ]
