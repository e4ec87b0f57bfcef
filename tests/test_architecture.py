"""The layers of docs/architecture.md, read from the code itself: arrows, sizes, names.

Each check is a function over a folder, and below it a test that shows it can fail.
"""

import ast
import graphlib
import re
from pathlib import Path

import pytest

pytestmark = pytest.mark.once
ROOT = Path(__file__).resolve().parent.parent
# May import those before it. None may import those after it.
LAYERS = ("practice", "procedures", "consultations")
# They bring everything together: may import every layer, imported by nobody but each other.
COMPOSITION = tuple(
    f"practice.{name}"
    for name in (
        *("settings", "urls", "wsgi", "views", "sitemaps", "search", "social_cards"),
        "management.commands",
    )
)
LONGEST_FILE = 400
SAYS_NOTHING = {"util", "utils", "helper", "helpers", "service", "services"}
# The only places where a `status` may be set, each with its reason.
SETS_STATUS = {
    "consultations/triage.py": "the rules",
    "consultations/intake.py": "gives a new request its first",
    "consultations/admin/acts.py": "puts back what a page showed, for triage to compare; unsaved",
    "consultations/admin/mail.py": "of a queued mail, which is another table's",
}


@pytest.fixture
def tree(tmp_path):
    """`tree(**{"practice/a.py": "import b"})` writes a small bad example."""

    def tree(files):
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return tmp_path

    return tree


# --- Arrows ----------------------------------------------------------------------------------


def import_graph(root):
    """Each module of the layers → modules of the layers that it imports, wherever it does."""
    modules = {
        ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__"): path
        for layer in LAYERS
        for path in (root / layer).rglob("*.py")
        if "migrations" not in path.parts
    }
    return {name: _imported(name, path, modules) - {name} for name, path in modules.items()}


def _imported(name, path, modules):
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parents = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*parents, *([node.module] if node.module else [])])
            for alias in node.names:
                whole = f"{base}.{alias.name}"
                found.add(whole if whole in modules else base)
    return found & set(modules)


def is_composition(module):
    return any(module == name or module.startswith(f"{name}.") for name in COMPOSITION)


def wrong_arrows(root):
    for module, targets in import_graph(root).items():
        layer = LAYERS.index(module.partition(".")[0])
        for target in sorted(targets):
            if is_composition(module):
                continue
            if is_composition(target):
                yield f"{module} imports {target}, which brings the layers together"
            elif LAYERS.index(target.partition(".")[0]) > layer:
                yield f"{module} imports {target}, which is above it"


def circle(root):
    try:
        graphlib.TopologicalSorter(import_graph(root)).prepare()
    except graphlib.CycleError as error:
        return " ← ".join(error.args[1])
    return None


def test_imports_point_downwards():
    found = list(wrong_arrows(ROOT))
    assert not found, "\n".join(found)


def test_no_imports_run_in_a_circle():
    assert circle(ROOT) is None


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("practice/models.py", "from consultations.models import Status"),
        ("practice/hours.py", "def f():\n    import procedures.models"),
        ("procedures/views.py", "from consultations import models"),
        ("consultations/views.py", "from practice.settings import DEBUG"),
        ("procedures/views.py", "from practice import views"),
        ("practice/operations/health.py", "from ..views import home"),
        ("practice/templatetags/text.py", "from ..views import home"),
    ],
)
def test_a_wrong_arrow_is_found(tree, path, text):
    files = {
        "consultations/models.py": "",
        "procedures/models.py": "",
        "practice/settings.py": "",
        "practice/views.py": "from consultations.models import Status",
    }
    assert list(wrong_arrows(tree(files))) == []
    assert len(list(wrong_arrows(tree({path: text})))) == 1


@pytest.mark.parametrize("late", ["from . import a", "def f():\n    from practice.a import x"])
def test_a_circle_is_found(tree, late):
    assert circle(tree({"practice/a.py": "from . import b", "practice/b.py": ""})) is None
    assert "practice.b" in circle(tree({"practice/b.py": late}))


# --- Sizes and names -------------------------------------------------------------------------


def sources(root, *suffixes):
    """Files that people write by hand, with one of these suffixes."""
    for folder in (*LAYERS, "templates", "static", "tests"):
        for path in sorted((root / folder).rglob("*")):
            hand_made = not {"migrations", "fonts"} & set(path.relative_to(root).parts)
            if path.suffix in suffixes and hand_made:
                yield path


def too_long(root):
    for path in sources(root, ".py", ".css", ".html", ".js"):
        lines = len(path.read_text(encoding="utf-8").splitlines())
        if lines > LONGEST_FILE:
            yield f"{path.relative_to(root)}: {lines} lines"


def says_nothing(root):
    for path in sources(root, ".py", ".css", ".html", ".js"):
        if SAYS_NOTHING & {path.stem, *path.relative_to(root).parts}:
            yield str(path.relative_to(root))


def test_no_file_is_too_long():
    found = list(too_long(ROOT))
    assert not found, "\n".join(found)


def test_every_file_is_named_after_its_subject():
    found = list(says_nothing(ROOT))
    assert not found, "\n".join(found)


def test_a_long_file_and_an_empty_name_are_found(tree):
    root = tree(
        {
            "static/css/long.css": "a\n" * 401,
            "static/css/longest.css": "a\n" * 400,
            "practice/migrations/0001_initial.py": "a\n" * 401,
            "practice/utils.py": "",
            "templates/helpers/box.html": "",
        }
    )
    assert list(too_long(root)) == ["static/css/long.css: 401 lines"]
    assert list(says_nothing(root)) == ["practice/utils.py", "templates/helpers/box.html"]


# --- Only triage changes a request's status --------------------------------------------------


def status_changes(root):
    for path in sources(root, ".py"):
        name = path.relative_to(root).as_posix()
        module = name.removesuffix(".py").replace("/", ".")
        knows_requests = name.startswith("consultations/") or is_composition(module)
        if name in SETS_STATUS or not knows_requests:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if _sets_status(node):
                yield f"{name}:{node.lineno}"


def _sets_status(node):
    if isinstance(node, ast.Attribute):
        return node.attr == "status" and isinstance(node.ctx, ast.Store)
    if not isinstance(node, ast.Call):
        return False
    called = getattr(node.func, "attr", getattr(node.func, "id", ""))
    strings = {each.value for each in ast.walk(node) if isinstance(each, ast.Constant)}
    return (
        (called == "update" and any(each.arg == "status" for each in node.keywords))
        or (called == "bulk_update" and "status" in strings)
        or (called == "setattr" and "status" in strings)
    )


def test_only_triage_changes_the_status_of_a_request():
    found = list(status_changes(ROOT))
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    "line",
    [
        "request.status = 'closed'",
        "request.status, other = 'closed', 1",
        "Request.objects.filter(pk=1).update(status='closed')",
        "Request.objects.bulk_update(rows, ['status'])",
        "setattr(request, 'status', 'closed')",
    ],
)
def test_a_change_of_status_is_found(tree, line):
    files = {
        "consultations/triage.py": line,
        "consultations/views.py": "x = request.status",
        "practice/publishing.py": line,  # The status of a page.
    }
    assert list(status_changes(tree(files))) == []
    assert list(status_changes(tree({"consultations/views.py": line}))) == [
        "consultations/views.py:1"
    ]


# --- Templates keep to the content security policy -------------------------------------------

INLINE = {
    "an inline style": re.compile(r"<style\b|\sstyle\s*=", re.I),
    "an inline handler": re.compile(r"<[a-z][^>]*\son[a-z]+\s*=", re.I),
    "an inline script": re.compile(
        r"<script\b(?![^>]*\ssrc\s*=)(?![^>]*type=[\"']application/(?:ld\+)?json[\"'])", re.I
    ),
    "something from another host": re.compile(
        r"<(?:link|script|img|source|iframe|video|audio)\b[^>]*"
        r"\s(?:src|srcset|href)\s*=\s*[\"']?\s*(?:https?:)?//",
        re.I,
    ),
}


def inline_in_templates(root):
    """Mail is exempt: it has no stylesheet of its own and no policy to keep to."""
    for path in sources(root, ".html"):
        if "mail" in path.parts:
            continue
        text = re.sub(r"\{#.*?#\}", "", path.read_text(encoding="utf-8"))
        for what, pattern in INLINE.items():
            for match in pattern.finditer(text):
                line = text[: match.start()].count("\n") + 1
                yield f"{path.relative_to(root)}:{line}: {what}"


def test_templates_hold_nothing_inline_and_nothing_foreign():
    found = list(inline_in_templates(ROOT))
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    "markup",
    [
        '<p style="color: red">',
        "<style>p {}</style>",
        '<button\n onclick="f()">',
        "<script>f()</script>",
        '<script src="https://cdn.example.com/f.js"></script>',
        '<link rel="stylesheet" href="//fonts.example.com/f.css">',
        "<img alt='' src='http://example.com/a.png'>",
    ],
)
def test_inline_and_foreign_markup_is_found(tree, markup):
    good = (
        '<script src="{% static "a.js" %}" defer></script><a href="https://example.com/">a</a>'
        '<script type="application/ld+json">{}</script><p class="on-call">{# style="x" #}</p>'
    )
    files = {"templates/page.html": good, "templates/x/mail/a.html": markup}
    assert list(inline_in_templates(tree(files))) == []
    assert len(list(inline_in_templates(tree({"templates/page.html": markup})))) == 1
