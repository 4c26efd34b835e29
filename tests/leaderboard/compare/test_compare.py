"""Comparing: the statistics against other ways to compute them, and what is said of real result files."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.multitest import multipletests

from leaderboard.benchmarks import Part
from leaderboard.compare import Comparisons, Verdict, find, names_in, others
from leaderboard.compare.judge import FEW, Judged, Test, judge, sentence
from leaderboard.compare.runs import Run
from leaderboard.errors import NotFound
from leaderboard.records import Provenance
from leaderboard.results.details import details_table
from leaderboard.statistics.paired import compare_questions, holm, normal_test, sign_test
from leaderboard.statistics.scores import score
from tests.leaderboard.compared import BENCHMARK, Answers, Place, harness_of

BITS = st.lists(st.tuples(st.sampled_from([0.0, 1.0]), st.sampled_from([0.0, 1.0])), min_size=2, max_size=60)
SHARES = st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=2, max_size=60)


def columns(pairs: list[tuple[float, float]]) -> tuple[np.ndarray, np.ndarray]:
    array = np.array(pairs, dtype=float)
    return array[:, 0], array[:, 1]


# The statistics


@settings(deadline=None, max_examples=60)
@given(SHARES)
def test_the_paired_error_is_that_of_the_differences(pairs: list[tuple[float, float]]) -> None:
    first, second = columns(pairs)
    result = compare_questions(first, second)
    assert result.n == len(pairs)
    assert result.stderr == pytest.approx(stats.sem(second - first), abs=1e-12)
    covariance = np.cov(first, second)
    whole = covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1]
    assert result.stderr == pytest.approx(math.sqrt(max(0.0, whole) / len(pairs)), abs=1e-7)


@settings(deadline=None, max_examples=60)
@given(BITS)
def test_counting_is_antisymmetric(pairs: list[tuple[float, float]]) -> None:
    first, second = columns(pairs)
    one, two = compare_questions(first, second), compare_questions(second, first)
    assert (one.ahead, one.behind, one.first, one.second) == (two.behind, two.ahead, two.second, two.first)
    assert one.stderr == pytest.approx(two.stderr)
    assert one.binary
    assert one.ahead + one.behind == sum(a != b for a, b in pairs)


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 400), st.integers(0, 400))
def test_mcnemar_is_the_exact_binomial_test(ahead: int, behind: int) -> None:
    expected = stats.binomtest(ahead, ahead + behind, 0.5).pvalue if ahead + behind else 1.0
    assert sign_test(ahead, behind) == pytest.approx(expected, rel=1e-9)
    assert sign_test(ahead, behind) == sign_test(behind, ahead)


@pytest.mark.parametrize(
    ("ahead", "behind", "p"), [(0, 0, 1.0), (1, 0, 1.0), (5, 0, 0.0625), (6, 0, 0.03125), (8, 2, 0.109375)]
)
def test_mcnemar_by_hand(ahead: int, behind: int, p: float) -> None:
    assert sign_test(ahead, behind) == pytest.approx(p)


def test_a_large_split_has_a_p_value() -> None:
    assert 0 < sign_test(6200, 5800) < 0.001
    assert sign_test(12000, 0) == 0.0


@settings(deadline=None, max_examples=60)
@given(st.floats(-50, 50), st.floats(0.01, 20))
def test_the_normal_test_has_both_sides(difference: float, stderr: float) -> None:
    assert normal_test(difference, stderr) == pytest.approx(2 * stats.norm.sf(abs(difference) / stderr), abs=1e-12)
    assert normal_test(difference, stderr) == normal_test(-difference, stderr)


GOLDEN = {
    (3, 11): 0.05737304687500003,
    (40, 62): 0.03706676743856005,
    (210, 160): 0.01075509233449119,
    (6200, 5800): 0.0002698294787852764,
}
"""Wins and losses -> p, as the first version of this module computed them."""


@pytest.mark.parametrize(("split", "p"), GOLDEN.items())
def test_mcnemar_is_what_it_was(split: tuple[int, int], p: float) -> None:
    assert sign_test(*split) == pytest.approx(p, abs=1e-12)


def test_the_normal_test_is_what_it_was() -> None:
    for z in (0.0, 0.3, 1.0, 1.959963984540054, 4.5, 30.0):
        assert normal_test(z, 1.0) == pytest.approx(math.erfc(z / math.sqrt(2)), abs=1e-12)
    assert (normal_test(0.0, 0.0), normal_test(1.0, 0.0)) == (1.0, 0.0)


@settings(deadline=None, max_examples=10)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_is_that_of_statsmodels(values: list[float]) -> None:
    assert holm(list(values)) == pytest.approx(multipletests(values, method="holm")[1].tolist(), abs=1e-12)


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, None, 0.03]) == pytest.approx([0.03, 0.06, None, 0.06])
    assert holm([]) == []


@settings(deadline=None, max_examples=60)
@given(st.lists(st.one_of(st.none(), st.floats(0, 1)), max_size=8))
def test_holm_keeps_the_order_and_never_lowers(values: list[float | None]) -> None:
    adjusted = holm(values)
    assert [item is None for item in adjusted] == [value is None for value in values]
    known = sorted((p, q) for p, q in zip(values, adjusted, strict=True) if p is not None and q is not None)
    assert all(p <= q <= 1 for p, q in known)
    assert [q for _, q in known] == sorted(q for _, q in known)


# Evaluations


def answers(rng: np.random.Generator, chance: float, n: int = 80) -> Answers:
    return {task: list((rng.random(n) < chance).astype(float)) for task in ("plain", "mixed_a", "mixed_b")}


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(5)


def test_a_column_of_parts_adds_up_their_errors(place: Place, rng: np.random.Generator) -> None:
    one, two = answers(rng, 0.6), answers(rng, 0.9)
    names = [place.publish("org/a", one), place.publish("org/b", two)]
    against = Comparisons(place.boards, place.results).compare("demo", names).others[0]
    plain, mixed = against.columns
    parts = {task: np.array(two[task]) - np.array(one[task]) for task in one}
    errors = {task: stats.sem(values) for task, values in parts.items()}
    slopes = {"plain": 100 / 0.75, "mixed_a": 0.5 * 100 / 0.5, "mixed_b": 0.5 * 100}
    assert plain.stderr == pytest.approx(slopes["plain"] * errors["plain"])
    assert mixed.stderr == pytest.approx(math.hypot(*(slopes[task] * errors[task] for task in ("mixed_a", "mixed_b"))))
    assert plain.uncut == pytest.approx(slopes["plain"] * parts["plain"].mean())
    assert against.average.stderr == pytest.approx(math.hypot(plain.stderr or 0, mixed.stderr or 0) / 2)
    assert (plain.test, plain.n, mixed.n) == (Test.SIGN, 80, 160)
    assert plain.p == pytest.approx(sign_test(int((parts["plain"] > 0).sum()), int((parts["plain"] < 0).sum())))
    assert mixed.test is Test.PAIRED and mixed.p == pytest.approx(normal_test(mixed.uncut or 0, mixed.stderr))
    assert plain.verdict is Verdict.AHEAD


def test_turning_the_comparison_round_turns_the_signs(place: Place, rng: np.random.Generator) -> None:
    names = [place.publish("org/a", answers(rng, 0.55)), place.publish("org/b", answers(rng, 0.8))]
    comparisons = Comparisons(place.boards, place.results)
    there, back = (comparisons.compare("demo", order).others[0] for order in (names, names[::-1]))
    turned = {Verdict.AHEAD: Verdict.BEHIND, Verdict.BEHIND: Verdict.AHEAD}
    for item, two in zip([there.average, *there.columns], [back.average, *back.columns], strict=True):
        assert item.difference == pytest.approx(-(two.difference or 0.0))
        assert item.stderr == pytest.approx(two.stderr)
        assert item.adjusted == pytest.approx(two.adjusted)
        assert (item.n, item.ahead, item.behind) == (two.n, two.behind, two.ahead)
        assert two.verdict is turned.get(item.verdict, item.verdict)


def test_two_runs_with_the_same_answers_do_not_differ(place: Place, rng: np.random.Generator) -> None:
    same = answers(rng, 0.6)
    newest = place.publish("org/a", same, attempt=2)
    place.publish("org/a", same, attempt=1)
    comparisons = Comparisons(place.boards, place.results)
    run = comparisons.compare("demo", [newest]).runs[0]
    [(name, block)] = others(place.results, "demo", run, [])
    assert block.attempt == 1
    compared = comparisons.compare("demo", [newest, name])
    assert len(set(compared.labels)) == 2
    [against] = compared.others
    assert {item.verdict for item in [against.average, *against.columns]} == {Verdict.SAME}
    assert against.average.p == 1 and against.average.difference == 0
    assert against.sentence.startswith("There is no difference between")
    assert comparisons.examples(compared, "plain").total == 0


def test_without_details_the_scores_own_errors_judge(place: Place, rng: np.random.Generator) -> None:
    one, two = answers(rng, 0.3), answers(rng, 0.9)
    names = [place.publish("org/a", one), place.publish("org/b", two, details=False)]
    comparisons = Comparisons(place.boards, place.results)
    compared = comparisons.compare("demo", names)
    for column in compared.others[0].columns:
        runs = [run.scores[column.key].stderr or 0.0 for run in compared.runs]
        assert column.test is Test.UNPAIRED and column.n is None
        assert column.stderr == pytest.approx(math.hypot(*runs))
        assert "standard errors" in column.note
    assert comparisons.tasks(compared) == []


def test_other_questions_are_not_paired(place: Place, rng: np.random.Generator) -> None:
    """Details whose questions are others than the scores' (fewer of them) do not judge."""
    values = list((rng.random(80) < 0.5).astype(float))
    whole = {"plain": values, "mixed_a": values, "mixed_b": values}
    names = [place.publish("org/a", whole), place.publish("org/b", {**whole, "plain": values[:60]})]
    plain, mixed = Comparisons(place.boards, place.results).compare("demo", names).others[0].columns
    assert plain.test is Test.UNPAIRED
    assert mixed.verdict is Verdict.SAME


def test_details_that_do_not_make_the_score_are_not_used(place: Place, rng: np.random.Generator) -> None:
    first, second = answers(rng, 0.6), answers(rng, 0.7)
    names = [place.publish("org/a", first), place.publish("org/b", second)]
    comparisons = Comparisons(place.boards, place.results)
    run = comparisons.compare("demo", names).runs[1]
    wrong = details_table([])
    path = next(path for path in place.contents._store.list("details/demo/org__b/") if path.endswith("/plain.parquet"))
    place.contents._store.commit({path: wrong}, "Other details")
    plain, _ = Comparisons(place.boards, place.results).compare("demo", names).others[0].columns
    assert run.path is not None and plain.test is Test.UNPAIRED


def test_scores_below_chance_are_judged_uncut(place: Place) -> None:
    low, lower = [1.0, 0.0] * 15 + [0.0] * 120, [0.0] * 150
    rest = {"mixed_a": low, "mixed_b": low}
    names = [place.publish("org/a", {"plain": low, **rest}), place.publish("org/b", {"plain": lower, **rest})]
    plain, _ = Comparisons(place.boards, place.results).compare("demo", names).others[0].columns
    assert plain.difference == 0 and plain.uncut == pytest.approx(-100 * 15 / 150 / 0.75)
    assert "cut at chance" in plain.note
    assert plain.adjusted is not None and plain.adjusted < 0.01 and plain.verdict is Verdict.CHANCE


def test_where_lower_is_better_the_lower_one_is_ahead(tmp_path: Path, rng: np.random.Generator) -> None:
    parts = [Part(task="plain", metrics=["brier_score,none"])]
    declared = {"higher_is_better": False, "range": (0.0, 2.0), "parts": parts}
    column = BENCHMARK.columns[0].model_copy(update=declared)
    place = Place(tmp_path, BENCHMARK.model_copy(update={"columns": [column]}))
    one = rng.uniform(0.5, 1.5, 60)
    two = one - rng.uniform(-0.1, 0.3, 60)
    names = [place.publish(name, {"plain": list(map(float, values))}) for name, values in (("o/a", one), ("o/b", two))]
    (plain,) = Comparisons(place.boards, place.results).compare("demo", names).others[0].columns
    assert plain.difference == pytest.approx((one - two).mean() * 50)
    assert plain.stderr == pytest.approx(50 * stats.sem(one - two))
    assert (plain.ahead, plain.behind) == (int((two < one).sum()), int((two > one).sum()))
    assert plain.test is Test.PAIRED and plain.verdict is Verdict.AHEAD


def test_few_differing_questions_are_judged_by_their_signs(place: Place) -> None:
    base = [0.0, 1.0] * 40
    better = [1.0 if at < 8 else value for at, value in enumerate(base)]
    names = [place.publish("org/a", dict.fromkeys(("plain", "mixed_a", "mixed_b"), base))]
    names.append(place.publish("org/b", {"plain": base, "mixed_a": better, "mixed_b": base}))
    _, mixed = Comparisons(place.boards, place.results).compare("demo", names).others[0].columns
    assert (mixed.ahead, mixed.behind) == (4, 0) and FEW > 4
    assert mixed.test is Test.SIGN and mixed.p == pytest.approx(0.125)


def test_noise_is_rarely_called_real(rng: np.random.Generator) -> None:
    """Between equally good checkpoints about one comparison in twenty, at most, has a task that is called real."""

    def run(given: Answers) -> Run:
        harness = harness_of(BENCHMARK, given)
        scores, average = score(BENCHMARK, harness)
        return Run("a", "org/a", "", "float32", "Original", False, scores, average, harness=harness)

    alarms = []
    for _ in range(400):
        one, two = answers(rng, 0.7, 60), answers(rng, 0.7, 60)
        told = {task: compare_questions(np.array(one[task]), np.array(two[task])) for task in one}
        average, result = judge(BENCHMARK, run(one), run(two), lambda part, told=told: told[part.task])
        alarms.append((average.real, any(column.real for column in result)))
    assert np.mean(alarms, axis=0).max() < 0.075


def test_examples_are_those_that_are_asked_for(place: Place) -> None:
    names = [
        place.publish("org/a", {"plain": [1, 0, 1, 0, 0], "mixed_a": [0, 1], "mixed_b": [1, 1, 0, 0]}),
        place.publish("org/b", {"plain": [1, 1, 0, 0, 0], "mixed_a": [0, 1], "mixed_b": [1, 0, 1, 0]}),
    ]
    comparisons = Comparisons(place.boards, place.results)
    compared = comparisons.compare("demo", names)
    assert comparisons.tasks(compared) == ["plain", "mixed_a", "mixed_b"]

    def ids(task: str, *which: object) -> list[int]:
        return [item.rows[0]["doc_id"] for item in comparisons.examples(compared, task, *which).asked]

    assert ids("plain") == [1, 2] and ids("plain", "wrong") == [3, 4] and ids("plain", "all") == [0, 1, 2, 3, 4]
    assert ids("mixed_b") == [1, 2], "the rows of another filter are not compared"
    assert ids("plain", "all", "QUESTION 3") == [3]
    assert ids("plain", "all", "answer 0 to 2") == [2], "text of any of the answers"
    page = comparisons.examples(compared, "plain", "all", "", 3, 1)
    assert (page.total, page.compared, [item.rows[1]["doc_id"] for item in page.asked]) == (5, 5, [3])
    assert page.asked[0].scores == [0, 0]


def test_what_is_not_there_is_said(place: Place, rng: np.random.Generator) -> None:
    names = [place.publish(f"org/m{at}", answers(rng, 0.5)) for at in range(6)]
    comparisons = Comparisons(place.boards, place.results)
    assert len(comparisons.compare("demo", names).runs) == 5
    compared = comparisons.compare("demo", ["org/none@x", names[0], f"{'0' * 16}-1:../.."])
    assert [run.id for run in compared.runs] == [names[0]] and len(compared.missing) == 2
    with pytest.raises(NotFound):
        comparisons.compare("other", names)
    assert comparisons.compare("demo", []).runs == []


def test_settings_that_differ_are_told(place: Place, rng: np.random.Generator) -> None:
    names = [
        place.publish("org/a", answers(rng, 0.5)),
        place.publish("org/b", answers(rng, 0.5), use_chat_template=True, provenance=Provenance(
            packages={"lm_eval": "0.4.9"}, task_hashes={"plain": "other", "mixed_a": "abc", "mixed_b": "abc"})),
    ]  # fmt: skip
    told = {
        setting.name: setting for setting in Comparisons(place.boards, place.results).compare("demo", names).settings
    }
    assert {name for name, item in told.items() if item.differs} == {"Chat template", "lm_eval", "Prompts"}
    assert told["Prompts"].values == ["as the first’s", "other ones in Plain"]
    assert told["lm_eval"].values == ["0.4.13", "0.4.9"]


def test_search_offers_what_is_not_chosen(place: Place, rng: np.random.Generator) -> None:
    names = [place.publish(f"org/{name}", answers(rng, 0.5)) for name in ("alpha", "beta")]
    board = place.boards.get("demo").board
    assert set(find(board, "org", [])) == set(names)
    assert find(board, "org", [names[0]]) == [names[1]]
    assert find(board, "  ", []) == []
    assert names_in(f"{names[0]}, ,{names[1]},{names[0]}") == names


def test_sentences() -> None:
    def judged(key: str, verdict: Verdict) -> Judged:
        return Judged(key, verdict=verdict)

    titles = {"a": "A1", "b": "B1", "c": "C1", "d": "D1"}
    result = [
        judged("a", Verdict.AHEAD),
        judged("b", Verdict.AHEAD),
        judged("c", Verdict.CHANCE),
        judged("d", Verdict.BEHIND),
    ]
    assert sentence(titles, "X", "Y", result) == (
        "Y is ahead on 2 of 4 tasks (A1 and B1); X is ahead on 1 of 4 tasks (D1); "
        "on C1 the difference is within chance."
    )
    unknown = [judged(key, Verdict.UNKNOWN) for key in titles]
    assert "cannot be judged" in sentence(titles, "X", "Y", unknown)
    assert BENCHMARK.column("plain").title == "Plain"
