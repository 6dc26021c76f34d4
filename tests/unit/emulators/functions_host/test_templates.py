"""Route templates and their constraints."""

import pytest

from emulators.functions_host.http.templates import compile_template
from emulators.functions_host.model import BindingError


def match(template: str, path: str) -> dict[str, str] | None:
    return compile_template(template).match(path)


@pytest.mark.parametrize(
    ("template", "path", "values"),
    [
        ("items", "items", {}),
        ("items", "ITEMS/", {}),
        ("items", "items/1", None),
        ("items/{id}", "items/AbC", {"id": "AbC"}),
        ("items/{id}", "items", None),
        ("items/{id}", "items/a/b", None),
        ("items/{id?}", "items", {}),
        ("items/{id?}", "items/1", {"id": "1"}),
        ("items/{id=5}", "items", {"id": "5"}),
        ("items/{id=5}", "items/7", {"id": "7"}),
        ("items/{id:int?}", "items", {}),
        ("items/{id:int?}", "items/x", None),
        ("items/{id:int=5}", "items", {"id": "5"}),
        ("files/{*rest}", "files", {}),
        ("files/{*rest}", "files/", {}),
        ("files/{*rest}", "files/a/b", {"rest": "a/b"}),
        ("files/{**rest}", "files/a/b", {"rest": "a/b"}),
        ("{*all}", "", {}),
        ("{*all}", "x/y", {"all": "x/y"}),
        ("{name}.{extension?}", "a.b", {"name": "a", "extension": "b"}),
        ("{name}.{extension?}", "a", {"name": "a"}),
        ("{name}.{extension?}", "a.b.c", {"name": "a.b", "extension": "c"}),
        ("{a}-{b}", "x-y-z", {"a": "x", "b": "y-z"}),
        ("v{version:int}/x", "v12/x", {"version": "12"}),
        ("a{{b}}c", "a{b}c", {}),
        ("{{x}}/{id}", "{x}/1", {"id": "1"}),
        ("{id:regex(^\\d{{2}}$)}", "12", {"id": "12"}),
        ("{id:regex(^\\d{{2}}$)}", "123", None),
        ("{a}/{b}/{c?}", "1/2", {"a": "1", "b": "2"}),
        ("{id:int:min(3)}", "3", {"id": "3"}),
        ("{id:int:min(3)}", "2", None),
        ("", "", {}),
    ],
)
def test_a_template_matches_as_aspnet_does(
    template: str, path: str, values: dict[str, str] | None
) -> None:
    assert match(template, path) == values


@pytest.mark.parametrize(
    ("constraint", "fits", "does_not"),
    [
        ("int", ["0", "-7", "+7", "2147483647"], ["", "x", "1.0", "2147483648", "1_0"]),
        ("long", ["9223372036854775807"], ["9223372036854775808"]),
        ("bool", ["true", "FALSE"], ["1", "yes"]),
        ("decimal", ["1", "1.5", "-.5", "1,000.5"], ["1e5", "x"]),
        ("double", ["1", "1e5", "-1.5E-3"], ["nan", "x"]),
        ("float", ["1.5"], ["inf"]),
        (
            "guid",
            ["6F9619FF-8B86-D011-B42D-00C04FC964FF", "6f9619ff8b86d011b42d00c04fc964ff"],
            ["6f9619ff", "zf9619ff8b86d011b42d00c04fc964ff"],
        ),
        ("alpha", ["abcXYZ"], ["a1", "ä"]),
        ("datetime", ["2026-11-22", "11-22-2026"], ["tomorrow"]),
        ("length(3)", ["abc"], ["ab", "abcd"]),
        ("length(2,3)", ["ab", "abc"], ["a", "abcd"]),
        ("minlength(2)", ["ab"], ["a"]),
        ("maxlength(2)", ["ab"], ["abc"]),
        ("min(5)", ["5"], ["4", "x"]),
        ("max(5)", ["5", "-9"], ["6"]),
        ("range(5,7)", ["5", "7"], ["4", "8"]),
        ("regex(b+)", ["abbc", "ABBC"], ["ac"]),
        ("required", ["x"], [""]),
    ],
)
def test_a_constraint_accepts_what_aspnet_accepts(
    constraint: str, fits: list[str], does_not: list[str]
) -> None:
    template = compile_template(f"x/{{value:{constraint}}}")
    for text in fits:
        assert template.match(f"x/{text}") == {"value": text}
    for text in does_not:
        assert template.match(f"x/{text}") is None


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ("/items", "must not start"),
        ("items/{id", "without its '}'"),
        ("items/{id:elephant}", "unknown constraint 'elephant'"),
        ("items/{id:int(3)}", "unknown constraint 'int'"),
        ("items/{id:min(x)}", "constraint 'min'"),
        ("items/{id:regex([)}", "is wrong"),
        ("{a}/{A}", "names a parameter twice"),
        ("{*rest}/more/{x}", "not its last part"),
        ("{a?}/b", "optional part that is not its last"),
        ("{}", "is no name"),
    ],
)
def test_a_wrong_template_is_refused_in_words(template: str, words: str) -> None:
    with pytest.raises(BindingError, match=words.replace("(", r"\(")):
        compile_template(template)
