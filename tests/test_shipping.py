"""What is shipped fits together: image, compose file, units, proxy, and what the docs say."""

import ast
import re
import runpy
from pathlib import Path

import pytest
import yaml
from django.apps import apps
from django.conf import settings
from django.core.management import get_commands, load_command_class

pytestmark = pytest.mark.once
ROOT = Path(__file__).resolve().parent.parent
UNITS = sorted((ROOT / "deploy/systemd").glob("*.service"))
DOCS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
WITH_COMMANDS = [
    *DOCS,
    *(ROOT / name for name in ("Dockerfile", "compose.yaml", "deploy/compose.env.example")),
    ROOT / "deploy/prepare",
    *UNITS,
]
NAMED = re.compile(
    r"(?:python +manage\.py|practice-manage|deploy/manage"
    r"|compose run --rm(?: --[a-z-]+)*(?= +(?:backup|restore)\b)) +(\w+)([^\n`|>&]*)"
)
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text())
SERVICES, NETWORKS = COMPOSE["services"], COMPOSE["networks"]
GUNICORN = runpy.run_path(str(ROOT / "gunicorn.conf.py"))


def read(path):
    return (ROOT / path).read_text()


def named(path):
    return str(path.relative_to(ROOT))


# --- The docs say what is -------------------------------------------------------------------


def variables_read():
    """Names that settings.py asks `env` for, and gunicorn.conf.py the environment."""
    for call in ast.walk(ast.parse(read("practice/settings.py"))):
        if isinstance(call, ast.Call):
            function, asked = ast.unparse(call.func), call.args
            if function.startswith("env.") and asked and isinstance(asked[0], ast.Constant):
                yield asked[0].value
            if function == "secret":
                yield asked[1].value
    yield from re.findall(r'environ\.get\("(\w+)"', read("gunicorn.conf.py"))


def test_the_table_of_variables_is_what_the_site_reads():
    documented = re.findall(r"^\| `([A-Z_]+)`", read("docs/operating.md"), re.MULTILINE)
    assert sorted(documented) == sorted(set(variables_read()))


def commands_named():
    for path in WITH_COMMANDS:
        # A list, as in Dockerfile and compose.yaml, reads like a line.
        text = re.sub(r'[\[\]",]', " ", path.read_text())
        for command, arguments in re.findall(NAMED, text):
            yield named(path), command, tuple(re.findall(r"(?<=\s)--[a-z-]+", arguments))


@pytest.mark.parametrize(("path", "command", "options"), sorted(set(commands_named())))
def test_every_command_that_is_named_exists_with_its_options(path, command, options):
    assert command in get_commands(), path
    app = get_commands()[command]
    parser = load_command_class(app, command).create_parser("manage.py", command)
    known = [option for action in parser._actions for option in action.option_strings]
    assert [option for option in options if option not in known] == []


def links():
    for path in DOCS:
        for target in re.findall(r"\]\(([^)\s]+)\)", path.read_text()):
            if "://" not in target and not target.startswith("mailto:"):
                yield named(path), target


def anchors(path):
    for heading in re.findall(r"^#+ (.+)$", path.read_text(), re.MULTILINE):
        plain = re.sub(r"[^\w\- ]", "", heading.lower())
        yield plain.replace(" ", "-")


@pytest.mark.parametrize(("path", "target"), sorted(set(links())))
def test_every_link_leads_somewhere(path, target):
    file, _, anchor = target.partition("#")
    linked = ((ROOT / path).parent / file).resolve() if file else ROOT / path
    assert linked.exists()
    assert not anchor or anchor in anchors(linked)


def test_files_that_docs_name_are_there():
    pattern = r"`((?:docs|deploy|tests|practice|procedures|consultations)/[\w./-]+\.\w+)`"
    missing = [
        f"{named(path)}: {target}"
        for path in DOCS
        for target in re.findall(pattern, path.read_text())
        if not (ROOT / target).exists()
    ]
    assert missing == []


# --- The image ------------------------------------------------------------------------------


def image():
    """The Dockerfile as (instruction, rest), continued lines joined; and its last stage."""
    joined = re.sub(r"\\\n\s*", "", re.sub(r"^#.*\n", "", read("Dockerfile"), flags=re.MULTILINE))
    lines = [tuple(line.split(None, 1)) for line in joined.splitlines() if line.strip()]
    last = max(number for number, (name, _) in enumerate(lines) if name == "FROM")
    return lines, lines[last:]


def copied_from_here():
    for name, rest in image()[0]:
        if name == "COPY" and "--from" not in rest:
            yield from rest.split()[:-1]


def test_the_image_holds_what_the_site_imports_and_nothing_else():
    packages = {
        Path(config.path).relative_to(ROOT).parts[0]
        for config in apps.get_app_configs()
        if Path(config.path).is_relative_to(ROOT) and ".venv" not in config.path
    }
    folders = {
        folder.name for folder in (*settings.STATICFILES_DIRS, *settings.TEMPLATES[0]["DIRS"])
    }
    started_with = {"manage.py", "gunicorn.conf.py", "requirements.txt", "deploy/healthy.py"}
    assert set(copied_from_here()) == packages | folders | started_with | {"sample_content"}


def test_only_that_is_sent_to_the_builder():
    lines = [line for line in read(".dockerignore").splitlines() if line and line[0] != "#"]
    assert lines[0] == "*"
    let_in = {line[1:].rstrip("/") for line in lines if line.startswith("!")}
    assert let_in == set(copied_from_here())
    assert {"**/__pycache__", "**/*.sqlite3*"} <= set(lines)


def test_the_image_runs_as_nobody_special_and_can_tell_how_it_is():
    last = dict(image()[1])
    assert re.fullmatch(r"[1-9]\d{3,}:[1-9]\d{3,}", last["USER"])
    assert last["STOPSIGNAL"] == "SIGTERM"
    assert "deploy/healthy.py" in last["HEALTHCHECK"]
    assert last["CMD"] == '["gunicorn"]'


def test_the_image_holds_no_secret_and_installs_only_what_was_checked():
    text = read("Dockerfile")
    kept = [rest for name, rest in image()[0] if name in ("ENV", "ARG")]
    assert not any(re.search("SECRET|KEY|PASSWORD|TOKEN", line) for line in kept)
    assert "--require-hashes" in text
    assert re.search(r"^ARG PYTHON=python:3\.\d+-slim-\w+$", text, re.MULTILINE)


# --- The compose file -----------------------------------------------------------------------


@pytest.mark.parametrize("name", SERVICES)
def test_every_container_can_do_little_if_it_is_broken_into(name):
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not service.get("privileged")
    assert service["mem_limit"]
    assert service["pids_limit"]
    assert service["logging"]["options"]["max-size"]
    assert not any("docker.sock" in volume for volume in service.get("volumes", []))


def test_only_the_proxy_is_open_to_the_outside():
    assert [name for name, service in SERVICES.items() if "ports" in service] == ["proxy"]
    networks = yaml.safe_load(read("compose.yaml"))["networks"]
    assert [name for name, network in networks.items() if not network.get("internal")] == [
        "outside"
    ]
    for name in ("database", "cache", "migrate", "backup", "restore"):
        assert "outside" not in SERVICES[name]["networks"]


def volumes(name):
    """{place in the container: (what is mounted there, “ro” or “rw”)}."""
    found = {}
    for line in SERVICES[name]["volumes"]:
        source, place, mode = re.fullmatch(r"(.+?):(/\w+)(?::(ro|rw))?", line).groups()
        found[place] = (source, mode or "rw")
    return found


def test_a_backup_changes_no_picture_and_a_restore_no_backup():
    pictures, backups = volumes("web")["/data"][0], volumes("backup")["/backups"][0]
    assert volumes("backup") == {"/data": (pictures, "ro"), "/backups": (backups, "rw")}
    assert volumes("restore") == {"/data": (pictures, "rw"), "/backups": (backups, "ro")}


@pytest.mark.parametrize("name", ["backup", "restore"])
def test_what_is_on_call_runs_only_when_it_is_called_and_once(name):
    service = SERVICES[name]
    assert service["profiles"] == ["on-call"]
    assert service["restart"] == "no"
    assert service["networks"] == ["back"]
    # A restore with the old version must not be preceded by its migrations.
    assert "migrate" not in service["depends_on"]


def test_what_follows_the_name_of_the_restore_is_its_file_and_options():
    assert SERVICES["restore"]["entrypoint"] == ["python", "manage.py", "restore"]


def test_docs_call_containers_that_are_there_and_can_do_it():
    text = "\n".join(path.read_text() for path in DOCS)
    called = re.findall(r"compose run --rm(?: --[a-z-]+)* +(\w+)([^`\n]*)", text)
    assert {"web", "backup", "restore"} <= {name for name, _ in called}
    for name, arguments in called:
        assert name in SERVICES
        if name not in ("backup", "restore"):
            assert not re.search(r"manage\.py (?:backup|restore)\b", arguments), "no folder there"


def test_the_proxys_network_is_the_one_that_is_trusted():
    [subnet] = NETWORKS["front"]["ipam"]["config"]
    assert SERVICES["web"]["environment"]["TRUSTED_PROXIES"] == subnet["subnet"]


def test_the_new_version_waits_for_its_migrations():
    for name in ("web", "worker"):
        condition = SERVICES[name]["depends_on"]["migrate"]["condition"]
        assert condition == "service_completed_successfully"
    assert SERVICES["migrate"]["restart"] == "no"


def test_images_of_others_have_a_version():
    images = [service["image"] for service in SERVICES.values()]
    others = {image for image in images if not image.startswith("practice-website:")}
    assert len(others) == len({"database", "cache", "proxy"})
    assert all(re.search(r":\d", image) for image in others)


def test_no_secret_is_written_into_the_compose_file():
    text = read("compose.yaml")
    lines = re.findall(r"^.*(?:PASSWORD|SECRET|AUTH|requirepass).*$", text, re.MULTILINE)
    assert lines
    for line in lines:
        assert "${" in line or line.strip() == "- --requirepass", line


def test_the_example_names_everything_that_compose_asks_for():
    asked = set(re.findall(r"\$\{(\w+)", read("compose.yaml"))) - {"PRACTICE_VERSION"}
    offered = re.findall(r"^(\w+)=", read("deploy/compose.env.example"), re.MULTILINE)
    assert asked <= set(offered)


def test_containers_have_longer_than_gunicorn_to_stop():
    for name in ("web", "worker"):
        assert int(SERVICES[name]["stop_grace_period"][:-1]) > GUNICORN["graceful_timeout"]


# --- systemd --------------------------------------------------------------------------------


def unit(path):
    return re.findall(r"^(\w+)=(.*)$", path.read_text(), re.MULTILINE)


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.stem)
def test_every_unit_is_locked_in(path):
    says = unit(path)
    for line in (
        ("NoNewPrivileges", "yes"),
        ("ProtectSystem", "strict"),
        ("ProtectHome", "yes"),
        ("PrivateTmp", "yes"),
        ("PrivateDevices", "yes"),
        ("RestrictNamespaces", "yes"),
        ("MemoryDenyWriteExecute", "yes"),
        ("SystemCallFilter", "@system-service"),
        ("UMask", "0077"),
    ):
        assert line in says
    values = dict(says)
    assert values["User"].startswith("practice")
    assert values["EnvironmentFile"].startswith("/etc/practice/")
    assert values["CapabilityBoundingSet"] in ("", "CAP_NET_BIND_SERVICE")


def test_units_have_longer_than_gunicorn_to_stop():
    for name in ("practice-web", "practice-worker"):
        values = dict(unit(ROOT / f"deploy/systemd/{name}.service"))
        assert int(values["TimeoutStopSec"]) > GUNICORN["graceful_timeout"]


def test_the_proxy_finds_the_socket_that_systemd_opens():
    listens = dict(unit(ROOT / "deploy/systemd/practice-web.socket"))["ListenStream"]
    assert f"UPSTREAMS=unix/{listens}" in read("deploy/caddy.env.example")


# --- gunicorn -------------------------------------------------------------------------------


def test_gunicorn_keeps_no_list_of_addresses_and_believes_no_header():
    assert GUNICORN["accesslog"] is None
    assert GUNICORN["control_socket_disable"] is True
    assert not GUNICORN["forwarded_allow_ips"]
    assert not GUNICORN["forwarder_headers"]
    assert not GUNICORN["secure_scheme_headers"]
