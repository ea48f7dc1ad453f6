"""Gives griffe the docs of the built module: the stubs say the types, the module itself says the words."""

import importlib
from typing import Any

import griffe


class BuiltDocs(griffe.Extension):
    """Fills in what the stubs leave out."""

    def on_package(self, *, pkg: griffe.Module, **_: Any) -> None:
        """Goes through the native module when all is loaded."""
        native = pkg.members.get("_freesmtp")
        if isinstance(native, griffe.Module):
            module = importlib.import_module("freesmtp._freesmtp")
            for name, member in native.members.items():
                self.fill(member, getattr(module, name, None))

    def fill(self, described: griffe.Object | griffe.Alias, built: Any) -> None:
        """Gives one member its words, and its own members theirs."""
        if described.is_alias or built is None:
            return
        words = getattr(built, "__doc__", None)
        if words and described.docstring is None:
            described.docstring = griffe.Docstring(words, parent=described)  # type: ignore[arg-type]
        if described.is_class:
            for name, member in described.members.items():
                self.fill(member, vars(built).get(name))
