"""The page about hooks names each hook with its exact signature, and no other."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

from headwater.plugins.hookspecs import HOOKS, DataSourceSpec

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/reference/hooks.md").read_text()
DOCUMENTED = re.findall(r"^### `(.+)`$", PAGE, re.MULTILINE)


def signature(hook: str) -> str:
    """As a plugin author writes it: without `self`, and without the None that stands for "not answered"."""
    spec = inspect.signature(getattr(DataSourceSpec, hook))
    arguments = ", ".join(
        f"{each.name}: {each.annotation}" for each in spec.parameters.values() if each.name != "self"
    )
    answer = str(spec.return_annotation).removesuffix(" | None")
    return f"{hook}({arguments}) -> {answer}"


def test_the_page_lists_the_hooks_in_the_order_of_the_specification() -> None:
    assert [signature(hook) for hook in HOOKS] == DOCUMENTED


@pytest.mark.parametrize("hook", HOOKS)
def test_the_specification_of_each_hook_says_what_it_is_for(hook: str) -> None:
    spec = getattr(DataSourceSpec, hook)
    assert inspect.getdoc(spec)
    assert spec.headwater_spec["firstresult"] is (hook not in ("start_plugin", "stop_plugin"))


@pytest.mark.parametrize("hook", HOOKS)
def test_each_hook_is_specified_by_a_test(hook: str) -> None:
    tests = (ROOT / "core/tests/plugins/test_plugin.py").read_text() + (
        ROOT / "core/tests/plugins/test_client.py"
    ).read_text()
    assert f"def {hook}(" in tests
