# SPDX-License-Identifier: MIT
"""Optimisers: torch.optim's names, arguments and updates."""

from ndnn.optim import lr_scheduler
from ndnn.optim.optimizer import SGD, Adam, AdamW, Optimizer

__all__ = ["SGD", "Adam", "AdamW", "Optimizer", "lr_scheduler"]
