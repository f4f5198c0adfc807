"""The broker on files: what a worker finds in the folder is a whole message."""

from collections.abc import Iterator
from pathlib import Path
from queue import Empty
from typing import Any

import pytest
from kombu.connection import Connection

from quantsite import file_broker


@pytest.fixture
def channel(tmp_path: Path) -> Iterator[file_broker.Channel]:
    """A channel over a folder of its own."""
    file_broker.use()
    folder = str(tmp_path)
    options = {"data_folder_in": folder, "data_folder_out": folder, "control_folder": str(tmp_path / "control")}
    with Connection("filesystem://", transport_options=options) as connection:  # type: ignore[no-untyped-call]
        yield connection.channel()


def taken(channel: file_broker.Channel) -> Any:
    """The next message."""
    return channel._get("celery")  # type: ignore[no-untyped-call]


def test_a_message_comes_out_as_it_went_in(channel: file_broker.Channel) -> None:
    assert type(channel) is file_broker.Channel
    for number in range(3):
        channel._put("celery", {"number": number})
        assert taken(channel) == {"number": number}
    with pytest.raises(Empty):
        taken(channel)


def test_nobody_finds_a_message_that_is_being_written(
    channel: file_broker.Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace = Path.replace

    def look_first(unfinished: Path, name: Path) -> Path:
        assert unfinished.stat().st_size
        with pytest.raises(Empty):
            taken(channel)
        return replace(unfinished, name)

    monkeypatch.setattr(Path, "replace", look_first)
    channel._put("celery", {"number": 1})
    monkeypatch.undo()
    assert taken(channel) == {"number": 1}
