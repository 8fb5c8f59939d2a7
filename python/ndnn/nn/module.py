# SPDX-License-Identifier: MIT
"""Module: parameters, buffers and other modules under names, as torch.nn has them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike

from ndnn.tensor import Array, Tensor


class Parameter(Tensor):
    """A Tensor that modules list in `parameters()`; it requires a gradient."""

    __slots__ = ()

    def __init__(self, data: ArrayLike | Tensor, requires_grad: bool = True) -> None:
        super().__init__(data, requires_grad)


class RemovableHandle:
    """What registering a hook returns: `handle.remove()`, or `with handle:`, takes it away."""

    def __init__(self, hooks: dict[RemovableHandle, Callable[..., Any]]) -> None:
        self._hooks = hooks

    def remove(self) -> None:
        self._hooks.pop(self, None)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.remove()


class IncompatibleKeys(NamedTuple):
    missing_keys: list[str]
    unexpected_keys: list[str]


class Module:
    """The base of all layers: set Parameters and Modules as attributes, write `forward`."""

    training: bool
    _parameters: dict[str, Parameter | None]
    _buffers: dict[str, Array | None]
    _modules: dict[str, Module | None]
    _pre_hooks: dict[RemovableHandle, Callable[..., Any]]
    _hooks: dict[RemovableHandle, Callable[..., Any]]

    def __init__(self) -> None:
        for name in ("_parameters", "_buffers", "_modules", "_pre_hooks", "_hooks"):
            object.__setattr__(self, name, {})
        self.training = True

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__}: has no forward")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        for hook in [*self._pre_hooks.values()]:  # a copy: a hook may remove itself
            changed = hook(self, args)
            if changed is not None:
                args = changed if isinstance(changed, tuple) else (changed,)
        output = self.forward(*args, **kwargs)
        for hook in [*self._hooks.values()]:
            changed = hook(self, args, output)
            output = output if changed is None else changed
        return output

    def register_forward_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Calls hook(module, args) before each forward; a result that is not None is the args."""
        handle = RemovableHandle(self._pre_hooks)
        self._pre_hooks[handle] = hook
        return handle

    def register_forward_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Calls hook(module, args, output) after each forward; a result that is not None is the
        output."""
        handle = RemovableHandle(self._hooks)
        self._hooks[handle] = hook
        return handle

    # ---- attributes

    def __setattr__(self, name: str, value: Any) -> None:
        tables = [self.__dict__.get(key) for key in ("_parameters", "_buffers", "_modules")]
        if any(table is None for table in tables):
            raise AttributeError(
                f"{type(self).__name__}: call super().__init__() before setting {name}"
            )
        parameters, buffers, modules = tables
        if isinstance(value, (Parameter, Module)):
            for table in tables:
                table.pop(name, None)  # type: ignore[union-attr]
            self.__dict__.pop(name, None)
            home = parameters if isinstance(value, Parameter) else modules
            home[name] = value  # type: ignore[index]
        elif value is None and name in (*parameters, *modules):  # type: ignore[misc]
            (parameters if name in parameters else modules)[name] = None  # type: ignore
        elif name in parameters or name in modules:  # type: ignore[operator]
            raise TypeError(
                f"{type(self).__name__}.{name}: must be a Parameter, a Module or None, "
                f"but got {type(value).__name__}"
            )
        elif name in buffers:  # type: ignore[operator]
            buffers[name] = None if value is None else np.array(value)  # type: ignore[index]
        else:
            object.__setattr__(self, name, value)

    def __getattr__(self, name: str) -> Any:
        for key in ("_parameters", "_buffers", "_modules"):
            table = self.__dict__.get(key, {})
            if name in table:
                return table[name]
        raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")

    def __delattr__(self, name: str) -> None:
        for table in (self._parameters, self._buffers, self._modules):
            if name in table:
                del table[name]
                return
        object.__delattr__(self, name)

    def register_buffer(self, name: str, array: ArrayLike | None) -> None:
        """An array that belongs to the state but is not trained."""
        self._buffers[name] = None if array is None else np.array(array)

    def register_parameter(self, name: str, parameter: Parameter | None) -> None:
        """As an attribute; None: a place that stays empty."""
        self._parameters[name] = parameter

    # ---- what is in it

    def named_modules(self, prefix: str = "") -> Iterator[tuple[str, Module]]:
        """This module and all below, each once, outer ones first."""
        seen = set()
        todo = [(prefix, self)]
        while todo:
            path, module = todo.pop()
            if id(module) in seen:
                continue
            seen.add(id(module))
            yield path, module
            below = [(_join(path, n), m) for n, m in module._modules.items() if m is not None]
            todo += reversed(below)

    def modules(self) -> Iterator[Module]:
        return (module for _, module in self.named_modules())

    def named_children(self) -> Iterator[tuple[str, Module]]:
        return ((name, m) for name, m in self._modules.items() if m is not None)

    def children(self) -> Iterator[Module]:
        return (module for _, module in self.named_children())

    def named_parameters(self, prefix: str = "") -> Iterator[tuple[str, Parameter]]:
        """All parameters, each once, with the names of their state_dict keys."""
        seen = set()
        for path, module in self.named_modules(prefix):
            for name, parameter in module._parameters.items():
                if parameter is not None and id(parameter) not in seen:
                    seen.add(id(parameter))
                    yield _join(path, name), parameter

    def parameters(self) -> Iterator[Parameter]:
        return (parameter for _, parameter in self.named_parameters())

    def named_buffers(self, prefix: str = "") -> Iterator[tuple[str, Array]]:
        for path, module in self.named_modules(prefix):
            for name, array in module._buffers.items():
                if array is not None:
                    yield _join(path, name), array

    def buffers(self) -> Iterator[Array]:
        return (array for _, array in self.named_buffers())

    # ---- what is done to all of it

    def apply(self, function: Callable[[Module], Any]) -> Self:
        """Calls the function with every module, inner ones first."""
        for child in self.children():
            child.apply(function)
        function(self)
        return self

    def train(self, mode: bool = True) -> Self:
        """Dropout drops, batch norm uses the batch's statistics."""
        for module in self.modules():
            module.training = mode
        return self

    def eval(self) -> Self:
        return self.train(False)

    def requires_grad_(self, on: bool = True) -> Self:
        for parameter in self.parameters():
            parameter.requires_grad = on
        return self

    def zero_grad(self) -> None:
        for parameter in self.parameters():
            parameter.zero_grad()

    # ---- state

    def _state(self, prefix: str = "") -> dict[str, Parameter | Array]:
        """Shared parameters stand under each of their names, as in torch."""
        held = {**self._parameters, **self._buffers}
        state = {_join(prefix, n): value for n, value in held.items() if value is not None}
        for name, module in self.named_children():
            state |= module._state(_join(prefix, name))
        return state

    def state_dict(self) -> dict[str, Array]:
        """Copies of all parameters and buffers, under torch's keys."""
        return {
            key: (value._array if isinstance(value, Tensor) else value).copy()
            for key, value in self._state().items()
        }

    def load_state_dict(self, state: Mapping[str, Any], strict: bool = True) -> IncompatibleKeys:
        """Copies the arrays into this module. strict: the keys must be exactly these.

        Raises: ValueError that names all keys and shapes that do not fit; nothing is changed then.
        """
        own = self._state()
        arrays = {
            key: np.asarray(value._array if isinstance(value, Tensor) else value)
            for key, value in state.items()
            if key in own
        }
        # Files older than the counter of batch norm do not have it.
        missing = [k for k in own if k not in state and not k.endswith("num_batches_tracked")]
        unexpected = [k for k in state if k not in own]
        wrong = [
            f"{key} must have the shape {own[key].shape}, but got {array.shape}"
            for key, array in arrays.items()
            if array.shape != own[key].shape
        ]
        if strict:
            wrong += [f"{key} is missing" for key in missing]
            wrong += [f"{key} is not in the module" for key in unexpected]
        if wrong:
            raise ValueError(f"{type(self).__name__}.load_state_dict: " + "; ".join(wrong))
        for key, array in arrays.items():
            target = own[key]
            if isinstance(target, Tensor):
                target.data = array.astype(target.dtype, copy=False)
            else:
                target[...] = array
        return IncompatibleKeys(missing, unexpected)

    # ---- text

    def extra_repr(self) -> str:
        """What stands in the parentheses of the module's text."""
        return ""

    def __repr__(self) -> str:
        head = f"{type(self).__name__}("
        if not self._modules:
            return head + self.extra_repr() + ")"
        lines = [line for line in [self.extra_repr()] if line]
        lines += [
            f"({name}): {module!r}".replace("\n", "\n  ") for name, module in self._modules.items()
        ]
        return head + "".join(f"\n  {line}" for line in lines) + "\n)"


def _join(prefix: str, name: str) -> str:
    return f"{prefix}.{name}" if prefix else name


class Sequential(Module):
    """Modules one after the other; named by their numbers, or by the keys of one dict."""

    def __init__(self, *modules: Module | Mapping[str, Module]) -> None:
        super().__init__()
        named: Iterable[tuple[str, Any]] = ((str(i), m) for i, m in enumerate(modules))
        if len(modules) == 1 and isinstance(modules[0], Mapping):
            named = modules[0].items()
        for name, module in named:
            setattr(self, name, _checked(self, module))

    def forward(self, input: Any) -> Any:
        for module in self.children():
            input = module(input)
        return input

    def append(self, module: Module) -> Self:
        setattr(self, str(len(self)), _checked(self, module))
        return self

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[Module]:
        return self.children()

    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return type(self)(dict(list(self.named_children())[index]))
        return list(self.children())[index]


class ModuleList(Module):
    """A list of modules, named by their numbers."""

    def __init__(self, modules: Iterable[Module] = ()) -> None:
        super().__init__()
        self.extend(modules)

    def append(self, module: Module) -> Self:
        setattr(self, str(len(self)), _checked(self, module))
        return self

    def extend(self, modules: Iterable[Module]) -> Self:
        for module in modules:
            self.append(module)
        return self

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[Module]:
        return self.children()

    def __getitem__(self, index: int | slice) -> Any:
        found = list(self.children())[index]
        return type(self)(found) if isinstance(found, list) else found


def _checked(owner: Module, module: Any) -> Module:
    if not isinstance(module, Module):
        raise TypeError(f"{type(owner).__name__}: holds Modules, but got {type(module).__name__}")
    return module
