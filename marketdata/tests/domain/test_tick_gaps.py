"""Which numbers are missing: every one of them, once, whatever came in which batch."""

from hypothesis import given
from hypothesis import strategies as st

from marketdata.domain.tick_gaps import MissingTicks, TickNumbers, first_number
from marketdata.tests.made_ticks import DAY, tick

EPOCH = 3 << 32


def test_an_epoch_begins_with_its_first_number() -> None:
    assert (first_number(EPOCH + 17), first_number(17)) == (EPOCH, 17)


def test_nothing_is_missing_between_numbers_that_ascend_by_one() -> None:
    numbers = TickNumbers()
    assert numbers.missing([tick("a", EPOCH), tick("b", EPOCH), tick("a", EPOCH + 1), tick("a", EPOCH, day=DAY)]) == []


def test_only_what_was_accepted_counts() -> None:
    numbers = TickNumbers()
    late = [tick("a", EPOCH + 2)]
    expected = [MissingTicks("a", DAY + 1, EPOCH, EPOCH + 1)]
    assert numbers.missing(late) == numbers.missing(late) == expected
    numbers.accept(late)
    assert numbers.missing([tick("a", EPOCH + 3)]) == []
    assert numbers.missing([tick("a", EPOCH + 1), tick("a", EPOCH + 2)]) == [], "what repeats is no news"


def test_what_is_stored_already_is_where_counting_begins() -> None:
    numbers = TickNumbers()
    assert numbers.unknown([tick("a", 5), tick("b", 5)]) == {("a", DAY + 1), ("b", DAY + 1)}
    numbers.learn({("a", DAY + 1): 4}, resumed=True)
    assert numbers.unknown([tick("a", 5)]) == set()
    assert numbers.missing([tick("a", 6), tick("b", EPOCH + 1)]) == [
        MissingTicks("a", DAY + 1, 5, 5),
        MissingTicks("b", DAY + 1, EPOCH, EPOCH),
    ]


def test_a_replay_may_begin_anywhere_and_goes_on_from_there() -> None:
    numbers = TickNumbers()
    numbers.accept([tick("a", 100), tick("a", EPOCH, day=DAY)])
    numbers.begin_run()
    numbers.learn({("a", DAY + 1): 100, ("b", DAY + 1): EPOCH + 3}, resumed=False)
    assert numbers.missing([tick("a", 5000), tick("a", 5002)]) == [MissingTicks("a", DAY + 1, 5001, 5001)]
    assert numbers.missing([tick("b", EPOCH + 5)]) == [MissingTicks("b", DAY + 1, EPOCH + 4, EPOCH + 4)]
    assert numbers.missing([tick("a", EPOCH + 1, day=DAY)]) == []


def test_a_day_that_is_over_is_forgotten() -> None:
    numbers = TickNumbers()
    numbers.accept([tick("a", EPOCH, day=DAY), tick("a", EPOCH, day=DAY + 1)])
    numbers.forget_before(DAY + 1)
    assert numbers.unknown([tick("a", EPOCH, day=DAY), tick("a", EPOCH, day=DAY + 1)]) == {("a", DAY)}


KEYS = st.tuples(st.sampled_from("ab"), st.sampled_from([DAY, DAY + 1]), st.sampled_from([0, 2, 3]))


@given(st.dictionaries(KEYS, st.sets(st.integers(0, 12), min_size=1)), st.integers(1, 5))
def test_what_came_and_what_is_missing_are_all_numbers(came: dict[tuple[str, int, int], set[int]], size: int) -> None:
    """Epochs follow one another; in each, up to the last number that came, every number came or is missing."""
    stream = [
        (code, day, (epoch << 32) + number + (epoch == 0))
        for (code, day, epoch), found in sorted(came.items(), key=lambda item: item[0][2])
        for number in sorted(found)
    ]
    numbers = TickNumbers()
    missing: set[tuple[str, int, int]] = set()
    for first in range(0, len(stream), size):
        batch = [tick(code, seq, day=day) for code, day, seq in stream[first : first + size]]
        for gap in numbers.missing(batch):
            new = {(gap.instrument, gap.trading_day, seq) for seq in range(gap.first, gap.last + 1)}
            assert not new & missing
            missing |= new
        numbers.accept(batch)
    everything = {
        (code, day, (epoch << 32) + number + (epoch == 0))
        for (code, day, epoch), found in came.items()
        for number in range(0 if epoch else min(found), max(found) + 1)
    }
    assert missing == everything - set(stream)
