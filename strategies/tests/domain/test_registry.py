"""Strategies by name, and the hash that says which source ran."""

import hashlib
import importlib.util
import inspect
import sys
from pathlib import Path

import pytest

from quantsite.common.errors import MissingError, RuleError
from strategies import registry
from strategies.domain import strategy
from strategies.library import double_ma


def test_a_strategy_is_found_by_its_name() -> None:
    assert "double_ma" in registry.names()
    assert registry.names() == sorted(registry.names())
    assert registry.get("double_ma") is double_ma.DoubleMa


def test_an_unknown_name_proposes_a_near_one() -> None:
    with pytest.raises(MissingError, match=r"no strategy 'doublema'. Did you mean 'double_ma'\?") as refusal:
        registry.get("doublema")
    assert refusal.value.code == "unknown_strategy"


def test_create_reads_the_parameters() -> None:
    made = registry.create("double_ma", {"fast": "5", "slow": "20"})
    assert made.parameters.as_dict() == {"fast": 5, "slow": 20}
    with pytest.raises(RuleError, match="Did you mean 'fast'"):
        registry.create("double_ma", {"fsat": "5"})


def test_parameters_are_described() -> None:
    assert [(info.name, info.kind, info.default) for info in registry.parameters("double_ma")] == [
        ("fast", "int", 10),
        ("slow", "int", 30),
    ]


def test_every_strategy_of_the_library_says_its_rule_and_its_name_is_its_file() -> None:
    for name in registry.names():
        cls = registry.get(name)
        assert cls.__module__ == f"strategies.library.{name}"
        assert inspect.getdoc(cls)
        cls(cls.Parameters()).initialize()


def test_the_source_hash_covers_the_class_and_its_bases_in_the_project() -> None:
    sources = [Path(inspect.getsourcefile(module) or "").read_bytes() for module in (double_ma, strategy)]
    expected = hashlib.sha256(b"".join(source + b"\0" for source in sources)).hexdigest()
    assert registry.source_hash(double_ma.DoubleMa) == expected


def test_the_source_hash_does_not_know_where_the_file_lies(tmp_path: Path) -> None:
    source = Path(double_ma.__file__).read_text(encoding="utf-8")
    hashes = set()
    for place, text in (("here", source), ("there", source), ("changed", source + "\n# another\n")):
        name = f"strategies.library.copied_{place}"
        file = tmp_path / place / "double_ma.py"
        file.parent.mkdir()
        file.write_text(text, encoding="utf-8")
        spec = importlib.util.spec_from_file_location(name, file)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        try:
            spec.loader.exec_module(module)
            hashes.add((place == "changed", registry.source_hash(module.DoubleMa)))
        finally:
            del sys.modules[name]
    assert len(hashes) == 2, "the two equal copies agree, the changed one differs"
    assert (False, registry.source_hash(double_ma.DoubleMa)) in hashes
    assert len({found for _, found in hashes}) == 2
