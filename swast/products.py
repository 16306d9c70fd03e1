"""Matrix products of a forward pass: their FLOPs, and the tensors that they multiply."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

Place = tuple[int, int, int]
"""Memory of a tensor: its storage, its offset there, and its number of elements."""

ASKING = frozenset(("is_contiguous", "size", "stride", "storage_offset", "numel", "dim", "layout"))
"""Operations that ask for a tensor's form and compute nothing."""
READING = frozenset(("_local_scalar_dense", "nonzero", "masked_select", "_unique2"))
"""Operations by which a program reads values, or by whose values a shape changes."""


def place(tensor: torch.Tensor) -> Place:
    """Return the memory of a tensor, which a transpose or another full view of it shares."""
    return tensor.untyped_storage()._cdata, int(tensor.storage_offset()), tensor.numel()


@dataclass(frozen=True)
class Product:
    """One product of a forward pass.

    Attributes:
        flops: its FLOPs, 2 for each multiply-add.
        places: memory of the tensors that it multiplies (and of a bias).
        gradients: number of matrices among them that need a gradient; 0 if gradients were off.
    """

    flops: int
    places: frozenset[Place]
    gradients: int


@dataclass
class Products(TorchDispatchMode):
    """Recorder of the products made inside the block, in their order.

    Attributes:
        counting: whether FLOPs are counted, which takes most of the time; else they are 0.
        made: the products.
        reads: whether the program read values of a tensor, so that another input may take
            another path.
    """

    counting: bool = True
    made: list[Product] = field(default_factory=list)
    reads: bool = False

    def __post_init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]

    @property
    def flops(self) -> int:
        """FLOPs of all products together."""
        return sum(product.flops for product in self.made)

    def __torch_dispatch__(
        self,
        func: Any,  # noqa: ANN401
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401
        """Run an operation, or the simpler ones that it consists of, and record it."""
        given = dict(kwargs or {})
        if isinstance(func, torch._ops.HigherOrderOperator):
            return func(*args, **given)
        packet = func._overloadpacket
        name = packet.__name__.removeprefix("sym_")
        if name in ASKING or name.startswith("is_"):
            return NotImplemented
        if packet not in flop_registry and name != "device":
            with self:
                simpler = func.decompose(*args, **given)
            if simpler is not NotImplemented:
                return simpler
        out = func(*args, **given)
        self.reads |= name in READING
        if packet in flop_registry:
            tensors = [each for each in args if isinstance(each, torch.Tensor)]
            self.made.append(
                Product(
                    int(flop_registry[packet](*args, **given, out_val=out))
                    if self.counting
                    else 0,
                    frozenset(place(each) for each in tensors),
                    sum(each.requires_grad for each in tensors if each.dim() > 1),
                )
            )
        return out
