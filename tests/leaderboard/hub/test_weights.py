"""Safetensors headers: what they say, what they cannot make us believe."""

from __future__ import annotations

from typing import Any

import pytest

from leaderboard.hub.safetensors import (
    BadSafetensorsHeader,
    count_parameters,
    header_length,
    quantised_bits,
    read_header,
)

GPTQ = {"quant_method": "gptq", "bits": 4}
PACKED = {"quant_method": "compressed-tensors", "config_groups": {"g": {"weights": {"num_bits": 8}}}}


def test_a_header_counts_by_format() -> None:
    header = b'{"__metadata__":{"format":"pt"},"a":{"dtype":"BF16","shape":[2,3],"data_offsets":[0,12]},"b":{"dtype":"F32","shape":[],"data_offsets":[12,16]}}'  # noqa: E501
    tensors = read_header(header, 8 + len(header) + 16)
    assert count_parameters(tensors, None) == {"BF16": 6, "F32": 1}


@pytest.mark.parametrize(
    "entry",
    [
        b"[]",
        b"{",
        b"[" * 100_000,
        b'{"a":1}',
        b'{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}',
        b'{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}',
        b'{"a":{"dtype":"F32","shape":[1.5],"data_offsets":[0,4]}}',
        b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}}',
        b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[]}}',
        b'{"a":{"dtype":"F32","shape":[' + b"9" * 5000 + b'],"data_offsets":[0,4]}}',
        b'{"a":{"dtype":["F32"],"shape":[1],"data_offsets":[0,4]}}',
    ],
)
def test_a_header_that_lies_is_refused(entry: bytes) -> None:
    with pytest.raises(BadSafetensorsHeader):
        read_header(entry, None)


def test_a_truncated_file_is_found_by_its_header() -> None:
    header = b'{"a":{"dtype":"F32","shape":[100],"data_offsets":[0,400]}}'
    with pytest.raises(BadSafetensorsHeader, match="its header promises"):
        read_header(header, 300)
    with pytest.raises(BadSafetensorsHeader, match="too short"):
        header_length(b"abc")
    with pytest.raises(BadSafetensorsHeader, match="claims"):
        header_length(b"\xff" * 8)


@pytest.mark.parametrize(
    ("quantisation", "name", "number_format", "expected"),
    [
        (GPTQ, "layer.qweight", "I32", {"I4": 80}),
        (GPTQ, "layer.qzeros", "I32", {}),
        (GPTQ, "norm.weight", "F16", {"F16": 10}),
        ({"quant_method": "bitsandbytes", "load_in_4bit": True}, "layer.weight", "U8", {"I4": 20}),
        ({"quant_method": "bitsandbytes", "load_in_4bit": True}, "layer.weight.absmax", "F32", {}),
        ({"quant_method": "mxfp4"}, "experts.gate_up_proj_blocks", "U8", {"I4": 20}),
        (PACKED, "layer.weight_packed", "I32", {"I8": 40}),
        (None, "layer.qweight", "I32", {"I32": 10}),
    ],
)  # fmt: skip
def test_packed_weights_are_counted_one_by_one(quantisation: Any, name: str, number_format: str, expected: Any) -> None:
    size = {"I32": 40, "F32": 40, "F16": 20, "U8": 10}[number_format]
    header = f'{{"{name}":{{"dtype":"{number_format}","shape":[10],"data_offsets":[0,{size}]}}}}'.encode()
    assert count_parameters(read_header(header, None), quantisation) == expected


@pytest.mark.parametrize("quantisation", [{"bits": "4"}, {"bits": 10**9}, {"config_groups": []}, {}, {"bits": True}])
def test_a_quantisation_of_the_wrong_shape_says_nothing(quantisation: Any) -> None:
    assert quantised_bits(quantisation) is None
