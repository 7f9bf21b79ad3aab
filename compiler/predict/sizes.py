"""How many bytes an output has: learned from input bytes, the manifest's `io` as the prior, a default without both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from compiler.manifest.model import IoHint
from runtime.history.records import FamilyHistory
from runtime.history.relation import Relation, merge_relations

DEFAULT_BYTES = 1024
DEFAULT = "default"
PRIOR_WEIGHT = 3.0
"""The `io` hint counts as much as so many samples."""

ENOUGH_NEAR = 4
FEW = 3
CLOSE = 0.15
"""A fit is close when what is left of the logarithm (base 2) deviates by no more."""


@dataclass(frozen=True, slots=True)
class Size:
    """Bytes of one output, and what that comes from."""

    bytes: int
    source: str

    @property
    def is_known(self) -> bool:
        """Somebody has measured it, or the user has said."""
        return self.source != DEFAULT


def predict_size(families: Mapping[str, FamilyHistory], output: str, hinted: float | None, input_bytes: float) -> Size:
    """The middle of what the output would have, `hinted` by the user; memory and class do not matter to it."""
    relation = merge_relations(
        [family.outputs[output] for family in families.values() if output in family.outputs] or [Relation()]
    )
    if not relation.count:
        return Size(DEFAULT_BYTES, DEFAULT) if hinted is None else Size(max(1, round(hinted)), "hint")
    learned = _learned(relation, input_bytes)
    source = f"{relation.count:,} samples"
    if hinted is None or hinted <= 0 or learned <= 0:
        return Size(max(0, round(learned)), source)
    weight = relation.count / (relation.count + PRIOR_WEIGHT)
    return Size(max(1, round(learned**weight * hinted ** (1 - weight))), f"{source} and hint")


def _learned(relation: Relation, input_bytes: float) -> float:
    """By the fit where it is close, else the middle of what had about as many bytes in."""
    near, fit = relation.near(input_bytes), relation.sums.fit()
    if near.count == relation.count or fit is None:
        return (near if near.count else relation.whole()).quantile(0.5)
    if relation.sums.n >= FEW and (fit.spread <= CLOSE or near.count < ENOUGH_NEAR):
        return fit.at(input_bytes)
    return (near if near.count else relation.whole()).quantile(0.5)


def hinted_bytes(hint: IoHint, counted_bytes: float) -> float | None:
    """What an `io` hint says of an output; None when it says that nothing follows from the inputs that it counts."""
    if hint.kind == "none":
        return None
    if hint.kind == "constant":
        return hint.offset_bytes
    return hint.offset_bytes + hint.factor * float(counted_bytes**hint.power)
