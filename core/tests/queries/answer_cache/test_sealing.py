"""Remembered answers as sealed bytes, which hosts with the same keys open."""

from __future__ import annotations

from headwater import Frame
from headwater.queries import KeptAnswer
from headwater.queries.answer_cache.sealing import AnswerSealer
from headwater.secrets import InMemoryKeySource, KeyRing, SecretCipher


def test_answers_of_many_hosts_are_opened_again_and_again() -> None:
    """Each host seals under a key of its own, and few of the others' keys are kept open."""
    keys = InMemoryKeySource()
    keys.create("shared")
    cipher = SecretCipher(KeyRing([keys]), lambda: "shared")
    frames = [Frame.from_pydict({"host": [number]}) for number in range(70)]
    sealed = [AnswerSealer(cipher).seal(b"name", KeptAnswer((frame,), 1.0, 2.0)) for frame in frames]
    reader = AnswerSealer(cipher)
    for data, frame in [*zip(sealed, frames, strict=True)] * 2:
        (opened,) = reader.open(b"name", data).frames
        assert opened.equals(frame)
