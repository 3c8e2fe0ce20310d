"""The machine that reads pickles: what it must refuse, and what must not harm it."""

from __future__ import annotations

import io
import os
import pickle
import re
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kinetrace.errors import WeightsError
from kinetrace.networks.pickles import read_pickle


class Call:
    """Pickles as a call of `function`."""

    def __init__(self, function, *arguments):
        self.call = (function, arguments)

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize(
    ("function", "name"),
    [
        (eval, "builtins.eval"),
        (exec, "builtins.exec"),
        (__import__, "builtins.__import__"),
        (open, "io.open"),
        (subprocess.Popen, "subprocess.Popen"),
        (os.remove, f"{os.name}.remove"),
        (pickle.loads, "_pickle.loads"),
    ],
)
@pytest.mark.parametrize("protocol", [2, 4])
def test_other_callables_are_refused_by_name(function, name, protocol):
    data = pickle.dumps(Call(function, "x"), protocol, fix_imports=False)
    with pytest.raises(WeightsError, match=re.escape(name)):
        read_pickle(io.BytesIO(data))


def test_a_way_round_through_getattr_reaches_nothing(tmp_path):
    # getattr(getattr(numpy, "os"), "system")("touch ran"), in opcodes
    sentinel = tmp_path / "ran"
    text = f"touch {sentinel}".encode()
    data = (
        b"\x80\x02cbuiltins\ngetattr\n(cbuiltins\ngetattr\n(cnumpy\n__dict__\nU\x02ostR"
        b"U\x06systemtR(" + b"U" + bytes([len(text)]) + text + b"tR."
    )
    assert read_pickle(io.BytesIO(data)).value.name == "builtins.getattr"
    assert not sentinel.exists()


def test_what_is_called_must_be_what_may_be_called():
    build_on_global = b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n}U\x0c__defaults__)sb."
    with pytest.raises(WeightsError, match="sets the state of a Global"):
        read_pickle(io.BytesIO(build_on_global))
    call_of_text = b"\x80\x02U\x06system)R."
    with pytest.raises(WeightsError, match="calls a str"):
        read_pickle(io.BytesIO(call_of_text))
    call_of_storage_type = b"\x80\x02ctorch\nFloatStorage\n)R."
    with pytest.raises(WeightsError, match=r"torch\.FloatStorage"):
        read_pickle(io.BytesIO(call_of_storage_type))


@pytest.mark.parametrize(
    "opcode", [b"\x82\x01", b"I1\n", b"(ios\nsystem\n", b"Px\n", b"2", b"\x97"]
)
def test_instructions_that_no_checkpoint_needs_are_refused(opcode):
    with pytest.raises(WeightsError, match="instruction|damaged"):
        read_pickle(io.BytesIO(b"\x80\x02N" + opcode + b"."))


def test_a_huge_memo_index_takes_no_memory():
    assert read_pickle(io.BytesIO(b"\x80\x02Nr\xff\xff\xff\x7f.")).value is None


def test_deep_nesting_is_read_without_recursion():
    depth = 100_000
    value = read_pickle(io.BytesIO(b"\x80\x02" + b"]" * depth + b"a" * (depth - 1) + b".")).value
    while value:
        (value,) = value
        depth -= 1
    assert depth == 1


def test_a_container_that_holds_itself_is_read():
    value = read_pickle(io.BytesIO(b"\x80\x02]q\x00h\x00a.")).value
    assert value[0] is value


def test_a_key_that_takes_for_ever_to_hash_is_refused():
    doubled = b"N" + b"".join(b"q\x00h\x00\x86" for _ in range(200))
    with pytest.raises(WeightsError, match="a tuple as the key"):
        read_pickle(io.BytesIO(b"\x80\x02}" + doubled + b"Ns."))


def test_a_value_that_takes_for_ever_to_print_is_reported(tmp_path):
    doubled = b"N" + b"".join(b"q\x00h\x00\x86" for _ in range(200))
    tensor = b"ctorch._utils\n_rebuild_tensor_v2\n("
    tensor += b"(U\x07storagectorch\nFloatStorage\nU\x010U\x03cpuK\x01tQ"
    with pytest.raises(WeightsError, match="shape") as caught:
        read_pickle(io.BytesIO(b"\x80\x02" + tensor + b"K\x00" + doubled + b")\x89}tR."))
    assert len(str(caught.value)) < 2000


def test_an_integer_without_bound_is_refused():
    data = pickle.dumps(1 << 100_000, 2)
    with pytest.raises(WeightsError, match="integer of 100,001 bits"):
        read_pickle(io.BytesIO(data))


def test_control_characters_in_a_name_do_not_reach_the_terminal():
    with pytest.raises(WeightsError) as caught:
        read_pickle(io.BytesIO(b"\x80\x02cevil\x1b[2J\nname\n."))
    assert "\x1b" not in str(caught.value)


@settings(max_examples=1000, deadline=None)
@given(st.binary(max_size=60))
def test_any_bytes_as_a_pickle_are_read_or_refused(data):
    try:
        read_pickle(io.BytesIO(b"\x80\x02" + data))
    except WeightsError:
        return
