"""What function_app.py promises the Functions host: it loads anywhere, quickly, and declares valid bindings.

Every check looks at a fresh interpreter's import of the app (`function_app_probe.py`). The bindings are
compared with a snapshot, so that a change of a trigger is seen and meant. Accept a change with

    ACCEPT_BINDINGS=1 .venv/bin/pytest tests/unit/test_function_app.py
"""

import difflib
import json
import os
import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]  # it ships no annotations
import pytest
from openapi_spec_validator import validate

from functions import SERVICES
from functions.files.store import THUMBNAILS
from functions.realtime.store import RECONCILE
from shared_code.messaging import QUEUES
from shared_code.service_bus import SETTING

ROOT = Path(__file__).parents[2]
PROBE = Path(__file__).with_name("function_app_probe.py")
SNAPSHOT = Path(__file__).with_name("function_app_bindings.json")
SCHEMAS = json.loads(Path(__file__).with_name("binding_schemas.json").read_text())

# Enumerations, which the host reads without regard to case and the library writes in upper case.
ENUMERATED = {"direction", "authLevel", "methods", "dataType", "eventType", "clientProtocols"}

# What only some requests need is imported by those requests, so that a cold start does not wait for it.
LATE_IMPORTS = (
    "azure.storage",
    "azure.data.tables",
    "azure.identity",
    "azure.messaging",
    "azure.servicebus",
    "jwt",
    "cryptography",
    "argon2",
    "aiosmtplib",
    "jinja2",
)

type Binding = dict[str, Any]


def run_probe(services: str | None = None) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"]}
    if services is not None:
        environment["ATRIUM_SERVICES"] = services
    command = [sys.executable, str(PROBE), str(ROOT)]
    return subprocess.run(
        command, env=environment, cwd="/", capture_output=True, text=True, check=False, timeout=60
    )


@cache
def probed(services: str | None = None) -> dict[str, Any]:
    done = run_probe(services)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def functions(services: str | None = None) -> dict[str, list[Binding]]:
    """Every function's bindings, with enumerated values in lower case, in the host's order."""
    found = {each["name"]: each["bindings"] for each in probed(services)["functions"]}
    return {
        name: [lowered(binding) for binding in found[name]]
        for name in sorted(found, key=str.casefold)
    }


def lowered(binding: Binding) -> Binding:
    def lower(value: Any) -> Any:
        return [each.lower() for each in value] if isinstance(value, list) else value.lower()

    return {key: lower(value) if key in ENUMERATED else value for key, value in binding.items()}


def all_bindings() -> list[tuple[str, Binding]]:
    return [(name, binding) for name, bindings in functions().items() for binding in bindings]


def trigger(bindings: list[Binding]) -> Binding:
    [found] = [each for each in bindings if each["type"].endswith("Trigger")]
    return found


def test_the_app_imports_with_an_empty_environment() -> None:
    assert probed()["functions"]


def test_importing_the_app_reads_no_setting_but_the_list_of_services() -> None:
    assert probed()["environment"] == ["ATRIUM_SERVICES"]


def test_importing_the_app_opens_no_socket() -> None:
    assert probed()["sockets"] == []


def test_importing_the_app_imports_nothing_that_only_some_requests_need() -> None:
    late = tuple(f"{name}." for name in LATE_IMPORTS)
    early = [name for name in probed()["modules"] if f"{name}.".startswith(late)]
    assert early == [], "imported at a cold start, before any request needs them"


@pytest.mark.parametrize("service", SERVICES)
def test_each_service_loads_alone_and_brings_nothing_of_the_others(service: str) -> None:
    loaded = {
        name.split(".")[1] for name in probed(service)["modules"] if "functions." in name[:10]
    }
    assert loaded == {service, "system"}
    assert set(functions(service)) <= set(functions())


def test_each_function_belongs_to_exactly_one_service() -> None:
    system = set.intersection(*(set(functions(service)) for service in SERVICES))
    own = [name for service in SERVICES for name in set(functions(service)) - system]
    assert sorted(own) == sorted(set(functions()) - system)


def test_a_list_of_services_loads_just_those() -> None:
    first, *_, last = SERVICES
    assert set(functions(f" {last},{first} ")) == {*functions(first), *functions(last)}


def test_an_unknown_service_name_stops_the_app() -> None:
    done = run_probe("chat,chatter")
    assert done.returncode != 0
    assert "ATRIUM_SERVICES names no service: chatter" in done.stderr


def test_function_names_are_unique_and_valid_for_the_host() -> None:
    names = [each["name"] for each in probed()["functions"]]
    assert len({name.casefold() for name in names}) == len(names)
    for name in names:
        assert re.fullmatch(r"(?i)[a-z][a-z0-9_-]{0,127}", name), name
        # A module's `blueprint` registered as a function would mean that a decorator misfired.
        assert name not in {"host", "blueprint", "trigger"}


def test_every_function_has_one_trigger_and_names_each_binding_once() -> None:
    for name, bindings in functions().items():
        assert trigger(bindings)["direction"] == "in", name
        names = [each["name"] for each in bindings]
        assert len(set(names)) == len(names), name


def test_every_binding_follows_the_published_schema_of_its_type() -> None:
    for name, binding in all_bindings():
        assert binding["type"] in SCHEMAS["$defs"], f"{name}: describe it in binding_schemas.json"
        schema = {"$ref": f"#/$defs/{binding['type']}", "$defs": SCHEMAS["$defs"]}
        try:
            jsonschema.Draft202012Validator(schema).validate(binding)
        except jsonschema.ValidationError as error:
            pytest.fail(f"{name}: {binding}: {error.message}")


def test_every_setting_that_a_binding_names_is_in_the_example_settings() -> None:
    example = json.loads((ROOT / "local.settings.example.json").read_text())["Values"]
    for name, binding in all_bindings():
        named = [*binding.get("connections", [])]
        if "connection" in binding:
            named.append(binding["connection"])
        for value in binding.values():
            named += re.findall(r"%([^%]+)%", value) if isinstance(value, str) else []
        assert set(named) <= set(example), name


def test_every_queue_trigger_reads_a_consumer_s_queue_and_each_of_them_is_read() -> None:
    triggers = [trigger(bindings) for bindings in functions().values()]
    read = [each for each in triggers if each["type"] == "serviceBusTrigger"]
    assert {each["connection"] for each in read} == {SETTING}
    assert sorted(each["queueName"] for each in read) == sorted(QUEUES)


def test_the_storage_queues_are_work_of_services_for_themselves() -> None:
    triggers = [trigger(bindings) for bindings in functions().values()]
    read = [each for each in triggers if each["type"] == "queueTrigger"]
    assert {(each["queueName"], each["connection"]) for each in read} == {
        (THUMBNAILS, "FILES_STORAGE"),
        (RECONCILE, "REALTIME_STORAGE"),
    }
    assert len(read) == 2, "each has one reader"


def http_routes() -> list[tuple[str, set[str], str]]:
    """Name, methods and template of each HTTP function, in the order in which the host asks them."""
    found = [(name, trigger(bindings)) for name, bindings in functions().items()]
    return [
        (name, set(each["methods"]), each["route"])
        for name, each in found
        if each["type"] == "httpTrigger"
    ]


def matches(template: str, address: str) -> bool:
    """True when the host's router would take `address` for `template`."""
    pattern = re.sub(r"\\{\w+\\}", "[^/]+", re.escape(template))
    return re.fullmatch(pattern, address, re.IGNORECASE) is not None


def sample_address(template: str) -> str:
    """An address that only a template like this one should answer: each parameter is some id."""
    return re.sub(r"\{\w+\}", "some_id", template)


def test_route_templates_have_plain_parameters_only() -> None:
    # A constraint such as {id:int} answers 404 with no problem+json, and hides an overlap from us.
    for name, methods, template in http_routes():
        assert re.fullmatch(r"([\w.-]+|\{\w+\})(/([\w.-]+|\{\w+\}))*", template), name
        assert methods, f"{name} names no method, so it answers all of them"


def test_no_earlier_route_takes_an_address_that_is_meant_for_a_later_one() -> None:
    routes = http_routes()
    for position, (name, methods, template) in enumerate(routes):
        address = sample_address(template)
        assert matches(template, address)
        for earlier, its_methods, its_template in routes[:position]:
            taken = methods & its_methods and matches(its_template, address)
            assert not taken, f"{earlier} ({its_template}) answers {address}, meant for {name}"


@pytest.mark.parametrize(
    ("template", "address", "expected"),
    [
        ("rooms/{room_id}", "rooms/recent", True),
        ("rooms/{room_id}", "Rooms/1", True),
        ("rooms/{room_id}", "rooms/1/join", False),
        ("openapi.json", "openapi-json", False),
    ],
)
def test_the_overlap_test_matches_as_the_host_does(
    template: str, address: str, *, expected: bool
) -> None:
    assert matches(template, address) is expected


def test_every_http_function_is_an_operation_of_a_valid_openapi_document() -> None:
    # What is missing there was declared without `endpoint`, so nothing checks its input.
    document = probed()["openapi"]
    validate(document)
    described = {
        (operation["operationId"], method, path.removeprefix("/api/"))
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    }
    assert described == {
        (name, method, template) for name, methods, template in http_routes() for method in methods
    }


def snapshot() -> str:
    """Every function with its bindings, one binding to a line, so that a difference reads well."""
    blocks = []
    for name, bindings in functions().items():
        lines = ",\n".join(f"      {json.dumps(binding)}" for binding in bindings)
        head = f'  "{name}": {{\n    "trigger": "{trigger(bindings)["type"]}",\n    "bindings": [\n'
        blocks.append(f"{head}{lines}\n    ]\n  }}")
    return "{\n" + ",\n".join(blocks) + "\n}\n"


def test_the_bindings_are_those_of_the_snapshot() -> None:
    now = snapshot()
    if os.environ.get("ACCEPT_BINDINGS"):
        SNAPSHOT.write_text(now)
    accepted = SNAPSHOT.read_text() if SNAPSHOT.exists() else ""
    change = list(
        difflib.unified_diff(
            accepted.splitlines(), now.splitlines(), "accepted", "now", lineterm=""
        )
    )
    accept = f"ACCEPT_BINDINGS=1 .venv/bin/pytest {Path(__file__).relative_to(ROOT)}"
    if change:
        message = [
            *change,
            "",
            "The app's bindings changed. If that is meant, accept it with:",
            accept,
        ]
        pytest.fail("\n".join(message), pytrace=False)
