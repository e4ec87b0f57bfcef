"""What a person does in the browser on the way to a consultation, step by step."""

import re

MESSAGE = "I cannot breathe through the left side. SECRET-OF-MY-NOSE"
REFERENCE = re.compile(r"[0-9A-Z]{5}-[0-9A-Z]{5}")
FORM = "/consultation/"
TYPED = {
    "Full name": "Ada Patient",
    "What should we call you? (optional)": "Ada",
    "Email address": "ada@example.com",
    "Phone number": "(512) 555-0142",
    "What would you like to discuss?": MESSAGE,
}
# The field that has the focus, as somebody would notice who looks at the screen.
FOCUS = """() => {
  const here = document.activeElement;
  const style = getComputedStyle(here);
  const box = here.getBoundingClientRect();
  const x = Math.max(0, box.left) + Math.min(box.width, innerWidth) / 2;
  const y = Math.max(0, box.top) + Math.min(box.height, innerHeight) / 2;
  const top = document.elementFromPoint(x, y);
  return {
    name: here.name || here.textContent.trim(),
    type: here.type || "",
    tag: here.tagName,
    above: Math.round(box.top + scrollY),
    outlined: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2,
    // Of a field with many lines browsers bring the one with the caret into view.
    shown: box.width > 0 && (here.tagName === "TEXTAREA" ? y > 0 && y < innerHeight
      : box.top >= 0 && box.bottom <= innerHeight + 1),
    covered: !(top && (here.contains(top) || top.contains(here))),
  };
}"""


def fill_in(page, **changes):
    """Types every answer that has to be given; `changes` are by the label's first word."""
    for label, text in TYPED.items():
        page.get_by_label(label, exact=True).fill(changes.get(label.split()[0], text))
    page.get_by_label("Phone call").check()
    page.get_by_label("I agree that the practice’s own staff").check()


def what_is_typed(page):
    """Everything in the form that a person has put there."""
    typed = {label: page.get_by_label(label, exact=True).input_value() for label in TYPED}
    typed["by phone"] = page.get_by_label("Phone call").is_checked()
    typed["agreed"] = page.get_by_label("I agree that the practice’s own staff").is_checked()
    return typed


EVERYTHING = TYPED | {"by phone": True, "agreed": True}


def send(page):
    page.get_by_role("button", name="Send request").click()


def reference_on(page):
    """The reference that the confirmation shows."""
    page.get_by_role("heading", name="We have your request").wait_for()
    page.wait_for_load_state()  # Then its script has run.
    return REFERENCE.search(page.get_by_role("main").inner_text())[0]


def tab_to(page, wanted, most=60):
    """Presses Tab until `wanted` (a field's name or a control's words) has the focus.

    Every stop on the way has to be visible. Returns the stops' names in their order.
    """
    stops = []
    for _ in range(most):
        page.keyboard.press("Tab")
        stop = where_the_focus_is(page)
        assert stop["outlined"], f"Nothing shows that this has the focus: {stop}"
        assert stop["shown"], f"What has the focus is not on the screen: {stop}"
        assert not stop["covered"], f"Something lies over what has the focus: {stop}"
        stops.append(stop)
        if stop["name"].startswith(wanted):
            return [each["name"] for each in stops]
    raise AssertionError(f"No Tab reaches {wanted!r}: {[each['name'] for each in stops]}")


def where_the_focus_is(page):
    """What has the focus, once the page has scrolled to it: a busy machine takes its time."""
    for _ in range(100):
        stop = page.evaluate(FOCUS)
        if stop["shown"] and not stop["covered"]:
            break
        page.wait_for_timeout(50)
    return stop


def leaving(page, answer):
    """From now on answers the question whether to leave; the list says how often it was asked."""
    asked = []

    def on_dialog(dialog):
        asked.append(dialog.type)
        getattr(dialog, answer)()

    page.on("dialog", on_dialog)
    return asked
