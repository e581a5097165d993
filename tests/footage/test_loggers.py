"""Log lines of the core come from loggers below `footage`, which is how Prefect is told to show them."""

from __future__ import annotations

import importlib
import logging
import pkgutil

import footage


def test_a_module_that_logs_does_so_under_its_own_name() -> None:
    names = [module.name for module in pkgutil.walk_packages(footage.__path__, "footage.")]
    modules = [importlib.import_module(name) for name in names if not name.endswith("__main__")]

    logs = {
        (module.__name__, value.name)
        for module in modules
        for value in vars(module).values()
        if isinstance(value, logging.Logger)
    }

    assert len(logs) > 10
    assert [module for module, name in logs if name != module] == []
