# SPDX-License-Identifier: MIT
"""Benchmarks of ndnn: see README.md in this folder."""
