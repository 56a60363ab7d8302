"""The table of rules in docs/otp.md is what the tests say, and no rule is without a test."""

import pytest

from tests.otp.rule_table import PAGE, page_with, proofs, rules_of, table
from tests.otp.rules import RULES


def test_the_rules_are_numbered_from_1_to_87() -> None:
    assert list(RULES) == list(range(1, 88))


def test_every_rule_has_a_test() -> None:
    assert [rule for rule, found in proofs().items() if not found] == []


def test_no_test_cites_a_rule_that_is_not_there() -> None:
    assert {rule: found for rule, found in proofs().items() if rule not in RULES} == {}


def test_the_table_is_fresh() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert page == page_with(table(proofs()), page), "run make docs"


@pytest.mark.parametrize(
    ("test", "rules"),
    [
        ("test_rule_7_a_temporary_child", {7}),
        ("test_rule_80_0_allows_none", {80}),
        ("test_rules_7_and_37_siblings", {7, 37}),
        ("test_rules_7_37_siblings", {7, 37}),
        ("test_rules_28_to_30_who", {28, 29, 30}),
        ("test_rules_1_3_to_5_and_9_all", {1, 3, 4, 5, 9}),
        ("test_a_rule_7_is_not_meant", set()),
        ("test_rules_are_kept", set()),
    ],
)
def test_a_name_cites_rules(test: str, rules: set[int]) -> None:
    assert rules_of(test) == rules


def test_a_page_without_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="lacks the marks"):
        page_with("table", "a page")
