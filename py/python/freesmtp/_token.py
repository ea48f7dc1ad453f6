"""How a token function wants to be called."""

from __future__ import annotations

import inspect
from typing import Any

_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


def takes_refresh(function: Any) -> bool:
    """Whether its first parameter is for `refresh`: it bears the name, or cannot be left out.

    Another parameter with a default is the function's own affair: `get_token(scope="mail")`.
    """
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):  # a function of C that does not tell
        return False
    if not parameters or parameters[0].kind not in _POSITIONAL:
        return False
    return parameters[0].name == "refresh" or parameters[0].default is inspect.Parameter.empty
