"""Safetensors headers, read as hostile text: which tensors a file holds, whether it is whole, how many parameters.

A file is 8 bytes (length of the header, little-endian), the header (JSON: tensor -> format, shape, place), the data.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

LENGTH_BYTES = 8
MAX_HEADER_BYTES = 8_000_000
"""An entry takes 100 to 170 bytes, so some 50,000 tensors in one file. The most in one file of a known checkpoint are
37,000 (an adapter on every expert of a model with 48 layers of 128); a model with more is split into files."""
MAX_DIMENSIONS = 16
FORMAT_BITS = {
    "F64": 64, "F32": 32, "F16": 16, "BF16": 16, "F8_E4M3": 8, "F8_E5M2": 8, "F8_E8M0": 8, "F6_E2M3": 6, "F6_E3M2": 6,
    "F4": 4, "I64": 64, "I32": 32, "I16": 16, "I8": 8, "U64": 64, "U32": 32, "U16": 16, "U8": 8, "BOOL": 8, "C64": 64,
}  # fmt: skip
"""Bits an element takes, by the format's number formats."""

QUANTISATION_EXTRAS = (
    ".qzeros", ".scales", ".g_idx", "_scales", ".absmax", ".quant_map", ".nested_absmax", ".nested_quant_map", ".SCB",
    ".weight_format", ".weight_scale", ".weight_scale_inv", ".weight_zero_point", ".weight_shape",
)  # fmt: skip
"""Ends of the names of tensors that describe a quantisation and are no parameters."""


class BadSafetensorsHeader(ValueError):
    """The file is not what the safetensors format demands; the text says why in a few words."""


class TensorEntry(NamedTuple):
    """One entry of a header."""

    name: str
    format: str
    elements: int


def header_length(start: bytes) -> int:
    """Length in bytes of the header of a file that begins with `start`. Raises BadSafetensorsHeader."""
    if len(start) < LENGTH_BYTES:
        raise BadSafetensorsHeader(f"it is {len(start)} bytes long, too short for safetensors")
    length = int.from_bytes(start[:LENGTH_BYTES], "little")
    if not 2 <= length <= MAX_HEADER_BYTES:
        raise BadSafetensorsHeader(f"its header claims {length:,} bytes, at most {MAX_HEADER_BYTES:,} are read")
    return length


def read_header(header: bytes, file_size: int | None) -> list[TensorEntry]:
    """The tensors of a file of `file_size` bytes (None: unknown) with this header. Raises BadSafetensorsHeader."""
    try:
        entries = json.loads(header)
    except (ValueError, RecursionError):
        raise BadSafetensorsHeader("its header is not JSON") from None
    if not isinstance(entries, dict):
        raise BadSafetensorsHeader("its header is not a JSON object")
    entries.pop("__metadata__", None)
    tensors, end = [], 0
    for name, entry in entries.items():
        tensor, tensor_end = _tensor(name, entry)
        tensors.append(tensor)
        end = max(end, tensor_end)
    promised = LENGTH_BYTES + len(header) + end
    if file_size is not None and file_size != promised:
        raise BadSafetensorsHeader(f"it is {file_size:,} bytes long, its header promises {promised:,}")
    return tensors


def _tensor(name: str, entry: Any) -> tuple[TensorEntry, int]:
    """The tensor that `entry` describes and where its data ends."""
    entry = entry if isinstance(entry, dict) else {}
    number_format, shape, place = entry.get("dtype"), entry.get("shape"), entry.get("data_offsets")
    if not (isinstance(number_format, str) and _naturals(shape, MAX_DIMENSIONS) and _naturals(place, 2)):
        raise BadSafetensorsHeader("its header describes a tensor without format, shape and place")
    begin, end = place if len(place) == 2 else (0, -1)
    elements = 1
    for size in shape:
        elements *= size
    bits = FORMAT_BITS.get(number_format)
    if end < begin or (bits is not None and elements * bits != (end - begin) * 8):
        raise BadSafetensorsHeader("its header describes a tensor whose shape and size differ")
    return TensorEntry(name, number_format, elements), end


def _naturals(value: Any, most: int) -> bool:
    """Whether `value` is a list of at most `most` whole numbers, none negative and none absurd."""
    return (
        isinstance(value, list)
        and len(value) <= most
        and all(type(number) is int and 0 <= number < 1 << 60 for number in value)
    )


def count_parameters(tensors: Iterable[TensorEntry], quantisation: Mapping[str, Any] | None) -> dict[str, int]:
    """Number format -> number of parameters; weights that `quantisation` packs several to an element are unpacked.

    `quantisation` is `quantization_config` of config.json, None for a checkpoint that has none.
    """
    bits = quantised_bits(quantisation)
    counts: Counter[str] = Counter()
    for tensor in tensors:
        if quantisation is not None and (tensor.name.endswith(QUANTISATION_EXTRAS) or ".quant_state." in tensor.name):
            continue
        if bits and _packed(tensor):
            counts[f"I{bits}"] += tensor.elements * FORMAT_BITS[tensor.format] // bits
        else:
            counts[tensor.format] += tensor.elements
    return dict(counts)


def _packed(tensor: TensorEntry) -> bool:
    """Whether a quantised checkpoint's tensor holds several weights in each element."""
    if tensor.format == "I32":
        return tensor.name.endswith((".qweight", ".weight_packed"))
    return tensor.format == "U8" and tensor.name.endswith((".weight", "_blocks"))


def quantised_bits(quantisation: Mapping[str, Any] | None) -> int | None:
    """Bits per weight of a quantised checkpoint, None where it does not say or is not quantised."""
    if not quantisation:
        return None
    method = quantisation.get("quant_method")
    if quantisation.get("load_in_4bit") is True or method == "mxfp4":
        return 4
    if quantisation.get("load_in_8bit") is True:
        return 8
    bits = quantisation.get("bits")
    if method == "compressed-tensors":
        bits = _first_group(quantisation).get("num_bits")
    return bits if type(bits) is int and 1 <= bits <= 16 else None


def _first_group(quantisation: Mapping[str, Any]) -> Mapping[str, Any]:
    """How compressed-tensors stores the weights of its first group of layers."""
    groups = quantisation.get("config_groups")
    group = next(iter(groups.values()), None) if isinstance(groups, dict) else None
    weights = group.get("weights") if isinstance(group, dict) else None
    return weights if isinstance(weights, dict) else {}
