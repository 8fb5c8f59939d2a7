# SPDX-License-Identifier: MIT
"""Tables of vectors, distances and similarities."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from ndnn import functional as F
from ndnn import init
from ndnn.nn.module import Module, Parameter
from ndnn.ops.embedding import Mode
from ndnn.tensor import Tensor


class _Table(Module):
    """What Embedding and EmbeddingBag have in common: weight (num_embeddings, embedding_dim)."""

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None,
        max_norm: float | None,
        norm_type: float,
        scale_grad_by_freq: bool,
        dtype: DTypeLike,
        generator: np.random.Generator | None,
    ) -> None:
        super().__init__()
        name, count = type(self).__name__, num_embeddings
        if padding_idx is not None and not -count <= padding_idx < count:
            raise ValueError(
                f"{name}: padding_idx must be from {-count} to {count - 1}, but got {padding_idx}"
            )
        self.num_embeddings, self.embedding_dim = num_embeddings, embedding_dim
        self.padding_idx = None if padding_idx is None else padding_idx % num_embeddings
        self.max_norm, self.norm_type = max_norm, norm_type
        self.scale_grad_by_freq = scale_grad_by_freq
        self.weight = Parameter(np.empty((num_embeddings, embedding_dim), dtype))
        self.reset_parameters(generator)

    def reset_parameters(self, generator: np.random.Generator | None = None) -> None:
        """torch's default: normal, and zeros for the padding."""
        init.normal_(self.weight, generator=generator)
        if self.padding_idx is not None:
            values = self.weight.data.copy()
            values[self.padding_idx] = 0
            self.weight.data = values

    @classmethod
    def from_pretrained(
        cls, embeddings: ArrayLike | Tensor, freeze: bool = True, **options: Any
    ) -> Self:
        """With these vectors, which are not trained if frozen; options as of the constructor."""
        weight = Parameter(embeddings, requires_grad=not freeze)
        if weight.ndim != 2:
            raise ValueError(
                f"{cls.__name__}: embeddings must have two axes, but got shape={weight.shape}"
            )
        count, width = weight.shape
        layer = cls(num_embeddings=count, embedding_dim=width, **options)
        layer.weight = weight
        return layer

    def extra_repr(self) -> str:
        more = "" if self.padding_idx is None else f", padding_idx={self.padding_idx}"
        return f"{self.num_embeddings}, {self.embedding_dim}{more}"


class Embedding(_Table):
    """F.embedding with its own table; arguments as torch.nn.Embedding, but for sparse."""

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        dtype: DTypeLike = np.float32,
        generator: np.random.Generator | None = None,
    ) -> None:
        norm = max_norm, norm_type
        sizes = num_embeddings, embedding_dim
        super().__init__(*sizes, padding_idx, *norm, scale_grad_by_freq, dtype, generator)

    def forward(self, input: Any) -> Any:
        options = self.padding_idx, self.max_norm, self.norm_type, self.scale_grad_by_freq
        return F.embedding(input, self.weight, *options)


class EmbeddingBag(_Table):
    """F.embedding_bag with its own table; arguments as torch.nn.EmbeddingBag, but for sparse."""

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        mode: Mode = "mean",
        include_last_offset: bool = False,
        padding_idx: int | None = None,
        dtype: DTypeLike = np.float32,
        generator: np.random.Generator | None = None,
    ) -> None:
        norm = max_norm, norm_type
        sizes = num_embeddings, embedding_dim
        super().__init__(*sizes, padding_idx, *norm, scale_grad_by_freq, dtype, generator)
        self.mode, self.include_last_offset = mode, include_last_offset

    def forward(self, input: Any, offsets: Any = None, per_sample_weights: Any = None) -> Any:
        return F.embedding_bag(
            input,
            self.weight,
            offsets,
            self.max_norm,
            self.norm_type,
            self.scale_grad_by_freq,
            self.mode,
            per_sample_weights,
            self.include_last_offset,
            self.padding_idx,
        )


class CosineSimilarity(Module):
    """F.cosine_similarity; arguments as torch.nn.CosineSimilarity."""

    def __init__(self, dim: int = 1, eps: float = 1e-8) -> None:
        super().__init__()
        self.dim, self.eps = dim, eps

    def forward(self, x1: Any, x2: Any) -> Any:
        return F.cosine_similarity(x1, x2, self.dim, self.eps)


class PairwiseDistance(Module):
    """F.pairwise_distance; arguments as torch.nn.PairwiseDistance."""

    def __init__(self, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> None:
        super().__init__()
        self.p, self.eps, self.keepdim = p, eps, keepdim

    def forward(self, x1: Any, x2: Any) -> Any:
        return F.pairwise_distance(x1, x2, self.p, self.eps, self.keepdim)
