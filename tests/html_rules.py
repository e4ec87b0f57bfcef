"""Rules that every page keeps. Each function lists what is wrong with a page's source."""

import re

import html5lib

HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")
# Attributes that name other elements of the page by their ids.
REFERENCES = ("for", "aria-labelledby", "aria-describedby", "aria-controls", "aria-owns", "list")
NEEDS_NO_LABEL = {"hidden", "submit", "button", "image", "reset"}
NAMED_BY_CONTENT = ("a", "button", "summary")
UNSEEN = ("head", "script", "template", "style")


def tree(source):
    return html5lib.parse(source, namespaceHTMLElements=False)


def syntax(source):
    """What a strict HTML parser objects to."""
    parser = html5lib.HTMLParser()
    parser.parse(source)
    return [f"line {line}: {name} {data or ''}" for (line, _), name, data in parser.errors]


def ids(source):
    found = [each.get("id") for each in tree(source).iter() if each.get("id") is not None]
    repeated = {name for name in found if found.count(name) > 1}
    bad = {name for name in found if not name or re.search(r"\s", name)}
    return [f"id “{name}”" for name in sorted(repeated | bad)]


def references(source):
    """Labels, descriptions and links within the page that lead to nothing."""
    page = tree(source)
    known = {each.get("id") for each in page.iter()}
    wanted = []
    for each in page.iter():
        for name in REFERENCES:
            wanted += [(name, target) for target in (each.get(name) or "").split()]
        if each.tag == "a" and (each.get("href") or "").startswith("#"):
            wanted.append(("href", each.get("href")[1:]))
    return [f"{name}=“{target}” leads nowhere" for name, target in wanted if target not in known]


def names(source):
    """Fields without a label, pictures without alt, links and buttons that say nothing."""
    page = tree(source)
    labelled = {each.get("for") for each in page.iter("label")}
    found = []
    for each in page.iter():
        own_name = each.get("aria-label") or each.get("aria-labelledby")
        if each.tag in ("input", "select", "textarea"):
            is_field = each.get("type") not in NEEDS_NO_LABEL
            if is_field and each.get("id") not in labelled and not own_name:
                found.append(f"{each.tag} {each.get('name')} has no label")
        elif each.tag == "img" and each.get("alt") is None:
            found.append(f"img {each.get('src')} has no alt")
        elif each.tag in NAMED_BY_CONTENT and not own_name and not text(each):
            found.append(f"{each.tag} {each.get('href') or ''} says nothing")
    return found


def headings(source):
    """One h1, in main and before every other heading there; no level left out."""
    page = tree(source)
    levels = [int(each.tag[1]) for each in page.iter() if each.tag in HEADINGS]
    found = [] if levels.count(1) == 1 else [f"{levels.count(1)} × h1"]
    in_main = [each.tag for main in page.iter("main") for each in main.iter()]
    in_main = [tag for tag in in_main if tag in HEADINGS]
    if in_main[:1] != ["h1"]:
        found.append(f"main begins with {in_main[:1]}")
    for before, level in zip([0, *levels], levels, strict=False):
        if level > before + 1:
            found.append(f"h{level} after h{before}")
    return found


def inline_code(source):
    """Styles and scripts within the page; only data may stand there, which runs nowhere."""
    found = []
    for each in tree(source).iter():
        if each.tag == "style" or each.get("style") is not None:
            found.append(f"style in {each.tag}")
        if each.tag == "script" and not each.get("src"):
            if each.get("type") not in ("application/ld+json", "application/json"):
                found.append("script")
        found += [f"{name} in {each.tag}" for name in each.attrib if name.startswith("on")]
    return found


def landmarks(source):
    """Language, title, a way past the navigation, one main."""
    page = tree(source)
    mains = list(page.iter("main"))
    found = [] if page.get("lang") else ["no language"]
    found += [] if page.findtext("head/title", "").strip() else ["no title"]
    found += [] if len(mains) == 1 else [f"{len(mains)} × main"]
    if page.find(".//nav") is not None:
        first = next(page.find("body").iter("a"))
        if mains and first.get("href") != f"#{mains[0].get('id')}":
            found.append("the first link does not lead to main")
    return found


RULES = (syntax, ids, references, names, headings, inline_code, landmarks)


def problems(source):
    return [f"{rule.__name__}: {found}" for rule in RULES for found in rule(source)]


def text(element):
    """What a reader sees of an element, pictures by their alt, white space as one space."""
    return " ".join("".join(_parts(element)).split())


def _parts(element):
    if element.tag in UNSEEN or not isinstance(element.tag, str):
        return
    yield element.get("alt") or "" if element.tag == "img" else element.text or ""
    for child in element:
        yield " " if child.tag in ("p", "li", "div", "dt", "dd", "h1", "h2", "h3", "br") else ""
        yield from _parts(child)
        yield child.tail or ""


def visible_text(source):
    return text(tree(source).find("body"))
